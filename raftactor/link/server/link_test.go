package server_test

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
)

func TestALinkComesUpAndTellsBothSides(t *testing.T) {
	a, b, _ := pair(t)
	if got := until[link.Greeted](t, b.events); got.Hello.Node != 1 || got.Hello.Directory != "directory-1" {
		t.Fatalf("got %+v", got)
	}
	h, up := a.peers.Hello(2)
	if !up || h.Node != 2 || !a.peers.Alive(2) || !a.peers.Alive(1) || a.peers.Alive(3) || b.peers.Alive(1) {
		t.Fatalf("got %+v %t", h, up)
	}
	s := a.peers.States()
	if len(s) != 1 || s[0].Phase != link.Linked || s[0].Connects != 1 || s[0].Address != b.address {
		t.Fatalf("got %+v", s)
	}
}

// TestGreetedNodesDialAtOnce: the second node is started late, as the first one's back-off has grown.
func TestGreetedNodesDialAtOnce(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	b.stop(b.server)
	l := a.dial(2, b.address)
	for failed := false; !failed; runtime.Gosched() { // nothing is told of a failed attempt
		s := a.peers.States()
		failed = len(s) > 0 && s[0].LastError != ""
	}
	b.serve()
	b.dial(1, a.address)
	until[link.Greeted](t, a.events)
	begin := time.Now()
	l.Tell(link.Dial{})
	until[link.Up](t, a.events)
	if took := time.Since(begin); took > 5*time.Second {
		t.Fatalf("got up after %v", took)
	}
}

func TestMessagesOfOneSenderKeepTheirOrder(t *testing.T) {
	a, b, _ := pair(t)
	const groups, each = 10, 500
	done := make(chan error, groups)
	next := map[uint64]uint64{}
	b.onDeliver(func(d delivery) {
		for _, m := range d.messages {
			if m.GetType() != raftpb.MsgApp {
				continue
			}
			group := uint64(d.group)
			if want := next[group] * 2; m.GetIndex() != want || d.from != 1 || len(m.Entries) != 2 {
				done <- errors.New("got another message than was next")
				return
			}
			next[group]++
			if next[group] == each {
				done <- nil
			}
		}
	})
	for i := range uint64(each) {
		for group := range uint64(groups) {
			if !a.peers.Send(2, walGroup(group), []*raftpb.Message{appendTo(2*i+1, 10, int(i)*10), heartbeat(i)}) {
				t.Fatal("got a message dropped")
			}
		}
	}
	for range groups {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func TestAClosedLinkIsDownAtOnceAndComesBack(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	c := newCable(t, b.address)
	a.dial(2, c.address())
	until[link.Up](t, a.events)
	c.cut()
	down := until[link.Down](t, a.events)
	if down.Node != 2 || down.Err == nil || strings.Contains(down.Err.Error(), "silent") {
		t.Fatalf("got %+v, want to hear of the end before any silence", down)
	}
	until[link.Up](t, a.events)
	if s := a.peers.States()[0]; s.Connects != 2 {
		t.Fatalf("got %+v", s)
	}
}

// TestAPeerThatHasEndedIsToldFromASilentOne: what is frozen is in the next test.
func TestAPeerThatHasEndedIsToldFromASilentOne(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	c := newCable(t, b.address)
	if at := a.peers.Closed(2); !at.IsZero() {
		t.Fatalf("an unknown peer has ended at %v", at)
	}
	a.dial(2, c.address())
	until[link.Up](t, a.events)
	if at := a.peers.Closed(2); !at.IsZero() {
		t.Fatalf("a peer whose link is up has ended at %v", at)
	}
	if err := c.listener.Close(); err != nil { // it does not come back
		t.Fatal(err)
	}
	c.cut()
	until[link.Down](t, a.events)
	if a.peers.Closed(2).IsZero() {
		t.Fatal("a peer whose connection was closed has not ended")
	}
}

// TestAFrozenPeerIsDownAndHoldsNobodyUp: it accepts what is sent to it and never reads.
func TestAFrozenPeerIsDownAndHoldsNobodyUp(t *testing.T) {
	const silence = 2 * time.Second // so that a busy machine is none
	a, b := newNode(t, 1, func(_ *server.Config, o *link.Options) {
		o.Queue, o.Silence = 1<<20, silence
	}), newNode(t, 2)
	c := newCable(t, b.address)
	l := a.dial(2, c.address())
	until[link.Up](t, a.events)
	begin := time.Now()
	c.freeze()
	l.Tell(link.Call{Service: link.ServiceMetadata, Body: []byte("lost"), ReplyTo: a.returned.Address, Token: 7})
	dropped := false
	for a.peers.Alive(2) {
		if !a.peers.Send(2, 1, []*raftpb.Message{appendTo(1, 256<<10)}) {
			dropped = true
		}
	}
	down := until[link.Down](t, a.events)
	took := time.Since(begin)
	if !dropped || took < silence/2 || took > patience {
		t.Fatalf("got dropped %t and %v after %v", dropped, down.Err, took)
	}
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrLost) || got.Token != 7 {
		t.Fatalf("got %+v", got)
	}
	if at := a.peers.Closed(2); !at.IsZero() {
		t.Fatalf("a frozen peer has ended at %v", at)
	}
	s := a.peers.States()[0]
	if s.QueueBytes != 0 || s.Drops == 0 || !strings.Contains(down.Err.Error(), "silent") {
		t.Fatalf("got %+v, %v", s, down.Err)
	}
	c.thaw()
	until[link.Up](t, a.events)
}

// TestAPeerThatNeverAnswersTheHelloIsGivenUp: the attempts end, and each is followed by another.
func TestAPeerThatNeverAnswersTheHelloIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a := newNode(t, 1)
	begin := time.Now()
	a.dial(2, l.Addr().String())
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 10*time.Second {
		t.Fatalf("got the second attempt after %v", took)
	}
	if a.peers.Alive(2) {
		t.Fatal("got a link that is up")
	}
}

func TestASlowReaderLosesNothingBelowTheBound(t *testing.T) {
	a, b, _ := pair(t)
	const count = 40
	release, got := make(chan struct{}), make(chan int, count)
	b.onDeliver(func(d delivery) {
		<-release
		for _, m := range d.messages {
			got <- len(m.Entries[0].Data)
		}
	})
	for i := range uint64(count) {
		if !a.peers.Send(2, 1, []*raftpb.Message{appendTo(i+1, 1<<20)}) {
			t.Fatal("got a message dropped below the bound")
		}
	}
	close(release)
	for range count {
		if n := <-got; n != 1<<20 {
			t.Fatalf("got %d bytes", n)
		}
	}
}

func TestMisfitsAreRefusedOnBothSides(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*link.Hello)
		want   string
	}{
		"another cluster":   {func(h *link.Hello) { h.Cluster = "blue" }, "cluster blue"},
		"the same node id":  {func(h *link.Hello) { h.Node = 2 }, "same node_id"},
		"another feature":   {func(h *link.Hello) { h.Feature++ }, "feature level"},
		"an unknown node":   {func(h *link.Hello) { h.Node = 9 }, "not a peer"},
		"the very same one": {func(h *link.Hello) { *h = hello(2) }, "reached itself"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newNode(t, 2, func(c *server.Config, _ *link.Options) { c.Known = func(n int32) bool { return n < 9 } })
			h := b.self.Hello()
			h.Cluster = "green"
			b.self.Publish(h)
			a := newNode(t, 1)
			h = hello(1)
			test.change(&h)
			a.self.Publish(h)
			l := a.dial(2, b.address)
			here, there := until[link.Refused](t, a.events), until[link.Refused](t, b.events)
			if !strings.Contains(here.Err.Error(), test.want) || !strings.Contains(there.Err.Error(), test.want) {
				t.Fatalf("got %v here and %v there, want %q in both", here.Err, there.Err, test.want)
			}
			a.self.Publish(hello(1))
			l.Tell(link.Dial{})
			until[link.Up](t, a.events)
			if g := kittest.Expect[link.Greeted](t, b.events, patience); g.Hello.Node != 1 {
				t.Fatalf("got %+v, want one refusal and then the greeting", g)
			}
		})
	}
}

func TestAnAddressOfAnotherNodeIsRefused(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	l := a.dial(3, b.address)
	if got := until[link.Refused](t, a.events); got.Node != 3 || !strings.Contains(got.Err.Error(), "node 2 answers") {
		t.Fatalf("got %+v", got)
	}
	c := newNode(t, 3)
	l.Tell(link.SetAddress{Address: c.address})
	until[link.Up](t, a.events)
}

func TestCallsAreAnsweredOnce(t *testing.T) {
	a, b, l := pair(t)
	l.Tell(link.Call{
		Service: link.ServiceMetadata, Body: []byte("question"), ReplyTo: a.returned.Address, Token: 5, Timeout: time.Minute,
	})
	in := kittest.Expect[link.Incoming](t, b.service, patience)
	if in.From != 1 || string(in.Body) != "question" || in.Timeout != time.Minute {
		t.Fatalf("got %+v", in)
	}
	in.ReplyTo.Tell(link.Answer{Token: in.Token, Body: []byte("answer")})
	in.ReplyTo.Tell(link.Answer{Token: in.Token, Body: []byte("again")})
	if got := kittest.Expect[link.Returned](t, a.returned, patience); got.Token != 5 || string(got.Body) != "answer" || got.Err != nil {
		t.Fatalf("got %+v", got)
	}
	l.Tell(link.Call{Service: link.ServiceMetadata, ReplyTo: a.returned.Address, Token: 6})
	kittest.Expect[link.Incoming](t, b.service, patience).Refuse(errors.New("no, thanks"))
	var remote link.RemoteError
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.As(got.Err, &remote) || remote.Text != "no, thanks" {
		t.Fatalf("got %+v", got)
	}
	l.Tell(link.Call{Service: 99, ReplyTo: a.returned.Address, Token: 7})
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.As(got.Err, &remote) || got.Token != 7 {
		t.Fatalf("got %+v", got)
	}
}

func TestCallsEndWithoutAnAnswer(t *testing.T) {
	a, b, l := pair(t)
	l.Tell(link.Call{Service: link.ServiceMetadata, ReplyTo: a.returned.Address, Token: 1, Timeout: time.Millisecond})
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrTimeout) {
		t.Fatalf("got %+v", got)
	}
	late := kittest.Expect[link.Incoming](t, b.service, patience)
	for i := range uint64(1025) {
		l.Tell(link.Call{Service: link.ServiceMetadata, ReplyTo: a.returned.Address, Token: 2 + i, Timeout: time.Hour})
	}
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrBusy) || got.Token != 1026 {
		t.Fatalf("got %+v", got)
	}
	late.ReplyTo.Tell(link.Answer{Token: late.Token}) // nobody waits for it any more
	b.stop(b.server)
	for i := range uint64(1024) {
		if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrLost) || got.Token != 2+i {
			t.Fatalf("got %+v", got)
		}
	}
	l.Tell(link.Call{Service: link.ServiceMetadata, ReplyTo: a.returned.Address, Token: 3})
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrDown) {
		t.Fatalf("got %+v", got)
	}
}

func TestNoticesKeepTheirOrder(t *testing.T) {
	_, b, l := pair(t)
	for i := range 300 {
		l.Tell(link.Notice{Service: link.ServiceMetadata, Body: bytes.Repeat([]byte{byte(i)}, i*10)})
	}
	for i := range 300 {
		got := kittest.Expect[link.Noticed](t, b.service, patience)
		if !bytes.Equal(got.Body, bytes.Repeat([]byte{byte(i)}, i*10)) || got.From != 1 {
			t.Fatalf("got notice %d wrong", i)
		}
	}
}

// TestAnotherProcessTakesThePlaceOfOneThatIsGone: its hello is known before its predecessor's silence.
func TestAnotherProcessTakesThePlaceOfOneThatIsGone(t *testing.T) {
	a, b := newNode(t, 1), newNode(t, 2)
	c := newCable(t, b.address)
	l := a.dial(2, c.address())
	until[link.Up](t, a.events)
	c.freeze()
	l.Tell(link.Dial{Instance: b.self.Hello().Instance})
	l.Tell(link.SetAddress{Address: b.address})
	l.Tell(link.Dial{Instance: 4711})
	down := until[link.Down](t, a.events)
	if !strings.Contains(down.Err.Error(), "started anew") {
		t.Fatalf("got %v", down.Err)
	}
	until[link.Up](t, a.events)
}

func TestAStoppedLinkIsForgotten(t *testing.T) {
	a, b, l := pair(t)
	if a.peers.Link(2) != l {
		t.Fatal("got another address")
	}
	l.Tell(link.Call{Service: link.ServiceMetadata, ReplyTo: a.returned.Address, Token: 1})
	kittest.Expect[link.Incoming](t, b.service, patience)
	a.stop(l)
	if got := kittest.Expect[link.Returned](t, a.returned, patience); !errors.Is(got.Err, link.ErrLost) {
		t.Fatalf("got %+v", got)
	}
	until[link.Down](t, a.events)
	if a.peers.Alive(2) || len(a.peers.Nodes()) != 0 || a.peers.Link(2) != (kit.Address{}) {
		t.Fatal("got a link that is still known")
	}
	if a.peers.Send(2, 1, []*raftpb.Message{heartbeat(1)}) {
		t.Fatal("got a message sent to nobody")
	}
}
