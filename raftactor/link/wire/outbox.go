package wire

import (
	"context"
	"sync"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/storage/wal"
)

// batch is the size at which a frame is closed. A larger one would make the receiver wait for its end before
// it can begin with the first item; a smaller one costs more turns of everybody.
const batch = 512 << 10

// Outbox holds what waits to be sent on one stream, in order and within a bound. Anybody adds to it, on any
// goroutine and without waiting; one goroutine sends.
type Outbox struct {
	limit int64
	wake  chan struct{} // has a token while there may be something to send
	call  func()        // instead of wake; nil: there is a goroutine that sends

	mu     sync.Mutex
	items  []Item
	bytes  int64 // of items, and of what the sender has taken and not yet sent
	closed bool
}

// NewOutbox returns an empty outbox with a bound in bytes. One item alone may be larger.
func NewOutbox(limit int64) *Outbox { return &Outbox{limit: limit, wake: make(chan struct{}, 1)} }

// Add appends an item, or declines: past the bound, and after Close.
func (o *Outbox) Add(item Item) bool {
	size := int64(item.size())
	o.mu.Lock()
	ok := o.fits(size)
	if ok {
		o.items = append(o.items, item)
		o.bytes += size
	}
	o.mu.Unlock()
	if ok {
		o.signal()
	}
	return ok
}

// AddRaft appends those messages of a group for which want is true, and returns how many it declined. The
// messages and their entries are shared with the sender until they are sent: read only.
func (o *Outbox) AddRaft(group wal.GroupID, messages []*raftpb.Message, want func(*raftpb.Message) bool) int {
	declined, added := 0, false
	o.mu.Lock()
	for _, m := range messages {
		if !want(m) {
			continue
		}
		item := Item{Kind: Raft, Group: group, Message: m}
		size := item.size()
		if size > MaxFrame || item.heads() > maxHeads || !o.fits(int64(size)) {
			declined++
			continue
		}
		o.items = append(o.items, item)
		o.bytes += int64(size)
		added = true
	}
	o.mu.Unlock()
	if added {
		o.signal()
	}
	return declined
}

func (o *Outbox) fits(size int64) bool {
	return !o.closed && (o.bytes == 0 || o.bytes+size <= o.limit)
}

// Notify has a function called whenever something was added, for those who send without a goroutine. It comes
// before anything is added.
func (o *Outbox) Notify(call func()) { o.call = call }

// Take returns what waits, as if it were sent.
func (o *Outbox) Take() []Item {
	items := o.take(nil)
	size := int64(0)
	for i := range items {
		size += int64(items[i].size())
	}
	o.sent(size)
	return items
}

func (o *Outbox) signal() {
	if o.call != nil {
		o.call()
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Bytes returns how much waits.
func (o *Outbox) Bytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// Close drops what waits and declines all that comes later. It returns how many items it dropped.
func (o *Outbox) Close() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	dropped := len(o.items)
	o.closed, o.items, o.bytes = true, nil, 0
	return dropped
}

// take returns what waits and leaves the emptied spare in its place.
func (o *Outbox) take(spare []Item) []Item {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	if !o.closed {
		o.items = spare
	}
	return items
}

// sent gives back the room that items have taken.
func (o *Outbox) sent(size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.bytes -= size
	}
}

// Sender is the side of a stream that sends.
type Sender interface{ SendMsg(message any) error }

// Beat is what a stream sends again and again. The zero value never sends anything.
type Beat struct {
	Time  <-chan time.Time
	Items func() []Item // they go into one frame
}

// Send sends what comes into the outbox until the context ends or the stream fails, and returns why. Sent is
// told of each frame's size in bytes. A beat goes ahead of what waits.
func (o *Outbox) Send(ctx context.Context, stream Sender, beat Beat, sent func(bytes int)) error {
	var spare []Item
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.Time:
			frame := Frame{Items: beat.Items()}
			if err := stream.SendMsg(&frame); err != nil {
				return err
			}
			sent(frame.Size)
			continue
		case <-o.wake:
		}
		items := o.take(spare)
		for rest := items; len(rest) > 0; {
			n, size := cut(rest)
			frame := Frame{Items: rest[:n]}
			if err := stream.SendMsg(&frame); err != nil {
				return err
			}
			o.sent(size)
			sent(frame.Size)
			rest = rest[n:]
		}
		clear(items) // do not keep alive what has been sent
		spare = items[:0]
		if cap(spare) > maxSpare {
			spare = nil
		}
	}
}

// maxSpare bounds the list that is kept for the next turn.
const maxSpare = 4096

// cut returns how many items make the next frame and their size.
func cut(items []Item) (n int, size int64) {
	heads := 0
	for n < len(items) {
		more, moreHeads := items[n].size(), items[n].heads()
		if n > 0 && (size+int64(more) > batch || heads+moreHeads > maxHeads) {
			break
		}
		size, heads = size+int64(more), heads+moreHeads
		n++
	}
	return n, size
}
