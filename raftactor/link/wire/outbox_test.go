package wire

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
)

func all(*raftpb.Message) bool { return true }

func sized(size int) *raftpb.Message {
	return &raftpb.Message{Entries: []*raftpb.Entry{{Data: make([]byte, size)}}}
}

// collector is a stream that keeps what is sent.
type collector struct {
	mu     sync.Mutex
	frames [][]Item
	fail   error
	some   chan struct{}
}

func (c *collector) SendMsg(m any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, append([]Item{}, m.(*Frame).Items...))
	c.some <- struct{}{}
	return c.fail
}

func TestOutboxHasABoundInBytes(t *testing.T) {
	o := NewOutbox(10_000)
	if n := o.AddRaft(1, []*raftpb.Message{sized(50_000)}, all); n != 0 {
		t.Fatal("got one item alone declined")
	}
	if n := o.AddRaft(1, []*raftpb.Message{sized(1), sized(1)}, all); n != 2 {
		t.Fatalf("got %d declined past the bound, want 2", n)
	}
	if o.Add(Item{Kind: Ping}) {
		t.Fatal("got an item accepted past the bound")
	}
	if n := o.Close(); n != 1 || o.Bytes() != 0 || o.Add(Item{Kind: Ping}) {
		t.Fatalf("got %d dropped and %d bytes left", n, o.Bytes())
	}
}

func TestOutboxSendsInOrderInFramesThatAreNotTooLarge(t *testing.T) {
	o := NewOutbox(1 << 30)
	for i := range uint64(100) {
		o.Add(Item{Kind: Notice, Number: i, Body: make([]byte, 100<<10)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &collector{some: make(chan struct{}, 1000)}
	done := make(chan error)
	go func() { done <- o.Send(ctx, c, Beat{}, func(int) {}) }()
	for n := uint64(0); n < 100; {
		<-c.some
		c.mu.Lock()
		frame := c.frames[0]
		c.frames = c.frames[1:]
		c.mu.Unlock()
		if len(frame) > 5 {
			t.Fatalf("got %d items of 100 KiB in a frame", len(frame))
		}
		for _, item := range frame {
			if item.Number != n {
				t.Fatalf("got item %d, want %d", item.Number, n)
			}
			n++
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if o.Bytes() != 0 {
		t.Fatalf("got %d bytes that wait after all was sent", o.Bytes())
	}
}

func TestOutboxTellsWhyItStopped(t *testing.T) {
	o, broken := NewOutbox(1000), errors.New("broken")
	c := &collector{some: make(chan struct{}, 1), fail: broken}
	o.Add(Item{Kind: Ping})
	if err := o.Send(t.Context(), c, Beat{}, func(int) {}); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}
