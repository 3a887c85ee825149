package conn_test

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/listener"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// breakable makes everything that looks at the image panic while broken is set.
func breakable(s *server) (broken *atomic.Bool) {
	broken = new(atomic.Bool)
	whole := s.Env.Image
	s.Env.Image = func() *image.Image {
		if broken.Load() {
			panic("the test wants it so")
		}
		return whole()
	}
	return broken
}

func TestFailedWriteActorIsAnsweredFor(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	s.Cores["orders-0"].Nonsense.Store(true)
	s.Cores["orders-1"].Hold.Store(true)
	c := s.dial()
	r := produceOf(13, -1, "orders", 0, batchOf("v"))
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, produceOf(13, -1, "orders", 1, batchOf("v")).Topics[0].Partitions...)
	got := c.roundTrip(r).(*kmsg.ProduceResponse).Topics[0]
	for i, p := range got.Partitions {
		if protocol.Code(p.ErrorCode) != protocol.RequestTimedOut || p.Partition != int32(i) || p.BaseOffset != -1 {
			t.Errorf("got %+v", p)
		}
	}
	s.Cores["orders-0"].Nonsense.Store(false)
	if code := codeOf(t, c.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v")))); code != 0 {
		t.Fatalf("the connection does not go on: %v", code)
	}
}

func TestFailedFetchActorIsAnsweredForAndReplaced(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	broken := breakable(s)
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	poll := fetchOf(13, "orders", 0, 0)
	poll.MaxWaitMillis, poll.SessionEpoch = long, 0
	waiting := c.send(poll)
	s.waited("orders-0", 1)
	broken.Store(true)
	failing := fetchOf(6, "nowhere", 3, 0)
	correlation := c.send(failing)
	if got := c.receive(waiting, poll).(*kmsg.FetchResponse); protocol.Code(got.ErrorCode) != protocol.UnknownServerError || len(got.Topics) != 0 {
		t.Fatalf("got %+v", got)
	}
	got := c.receive(correlation, failing).(*kmsg.FetchResponse)
	if p := got.Topics[0].Partitions[0]; protocol.Code(p.ErrorCode) != protocol.UnknownServerError || p.Partition != 3 {
		t.Fatalf("got %+v", got)
	}
	broken.Store(false)
	if code := codeOf(t, c.fetch(fetchOf(12, "orders", 0, 0))); code != 0 {
		t.Fatalf("the connection does not go on: %v", code)
	}
}

func TestFailedConnectionHarmsNobodyElse(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	broken := breakable(s)
	s.CreateTopic("orders", 1, nil)
	s.Cores["orders-0"].Hold.Store(true)
	other, c := s.dial(), s.dial()
	first := produceOf(9, -1, "orders", 0, batchOf("v"))
	waiting := other.send(first)
	c.send(first)
	s.Eventually(func() bool { return s.Cores["orders-0"].Proposals.Load() == 2 })
	broken.Store(true)
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 9
	for i := range int32(20) {
		_, _ = c.Write(c.format.AppendRequest(nil, metadata, i)) // the first one ends the connection
	}
	c.expectEnd()
	broken.Store(false)
	s.Replica("orders", 0).Core.Tell(resume)
	other.receive(waiting, first)
}

func TestDrainAnswersWhatHasArrived(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.Cores["orders-0"].Hold.Store(true)
	idle, c := s.dial(), s.dial()
	produce := produceOf(9, -1, "orders", 0, batchOf("v"))
	poll := fetchOf(12, "orders", 0, 0)
	poll.MaxWaitMillis = long
	a, b := c.send(produce), c.send(poll)
	s.Eventually(func() bool { return s.Cores["orders-0"].Proposals.Load() == 1 })
	s.waited("orders-0", 1)
	s.listener.Tell(listener.Drain{Within: patience, ReplyTo: s.events.Address})
	idle.expectEnd()
	s.Replica("orders", 0).Core.Tell(resume)
	c.receive(a, produce)
	c.receive(b, poll)
	c.expectEnd()
	_ = idle.Close()
	_ = c.Close()
	if got := kittest.Expect[listener.Drained](t, s.events, patience); got.Cut != 0 {
		t.Fatalf("got %+v", got)
	}
}

func TestDrainResetsWhoNeverGotAReply(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	fresh, known := s.dial(), s.dial()
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 9
	known.roundTrip(metadata)
	other := s.dial() // accepted after fresh, so fresh has been
	other.roundTrip(metadata)
	s.listener.Tell(listener.Drain{Within: patience, ReplyTo: s.events.Address})
	if frame, err := fresh.tryFrame(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %x, %v; want a reset", frame, err)
	}
	if frame, err := known.tryFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("got %x, %v; want the end of the stream", frame, err)
	}
}

func TestDrainCutsWhatTakesTooLong(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.Cores["orders-0"].Hold.Store(true)
	c := s.dial()
	c.send(produceOf(9, -1, "orders", 0, batchOf("v")))
	s.Eventually(func() bool { return s.Cores["orders-0"].Proposals.Load() == 1 })
	s.listener.Tell(listener.Drain{Within: 50 * time.Millisecond, ReplyTo: s.events.Address})
	c.expectEnd()
	kittest.Expect[listener.Drained](t, s.events, patience)
}
