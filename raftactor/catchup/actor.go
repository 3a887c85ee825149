package catchup

import (
	"context"
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// Open begins to read the state of a group's machine on another node, for a machine that holds have. It may
// wait for the network.
type Open func(ctx context.Context, node int32, group wal.GroupID, have []byte) (applier.Source, error)

// Pull is an Open that does not wait: the pieces come to arrived, as many as the Stream is asked for, and
// their end, with nil or the reason why there are no more, to ended.
type Pull func(
	node int32, group wal.GroupID, have []byte, arrived func([]byte), ended func(error),
) applier.Stream

// Config is what the actor begins with.
type Config struct {
	Group   wal.GroupID
	From    int32 // node
	Open    Open
	Pull    Pull // instead of Open, if it is not nil
	Applier kit.Address
	Slots   *kit.Budget // one unit for each state that the node fetches at once
}

// Done tells the parent how it ended. Without Err the machine is at Index, durable.
type Done struct {
	Index, Term uint64
	ConfState   []byte
	Machine     []byte
	Err         error
}

const (
	// slotEvery is the time between two looks for a free slot.
	slotEvery = 20 * time.Millisecond
	// window is how many pieces may be on their way from the reader to the machine.
	window = 4
)

// Spec returns the actor, to be spawned by the group.
func Spec(config Config) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return &Actor{config: config} }}
}

// Actor fetches one state.
type Actor struct {
	config  Config
	slot    bool // held
	stream  applier.Stream
	head    head
	pieces  int // that have been handed to the machine
	taken   int // and that it has taken
	ended   bool
	settled bool // the parent has been told
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.begin(c)
	case again:
		a.begin(c)
	case applier.Held:
		a.onHeld(c, m)
	case arrived:
		a.onArrived(c, m)
	case ended:
		a.onEnded(c, m)
	case applier.Taken:
		a.onTaken(c, m)
	case applier.Finished:
		a.onFinished(c, m)
	case kit.Stopping:
		a.close()
	}
}

// begin takes a slot and asks the machine what it has.
func (a *Actor) begin(c *kit.Context) {
	if !a.config.Slots.TryAcquire(1) {
		c.After(slotEvery, again{})
		return
	}
	a.slot = true
	a.config.Applier.Tell(applier.Have{ReplyTo: c.Self()})
}

func (a *Actor) onHeld(c *kit.Context, m applier.Held) {
	if m.Err != nil {
		a.settle(c, Done{Err: m.Err})
		return
	}
	if a.config.Pull == nil {
		a.stream = startReading(a.config, m.Have, c.Self())
		return
	}
	self := c.Self()
	a.stream = a.config.Pull(a.config.From, a.config.Group, m.Have,
		func(piece []byte) { self.Tell(arrived{piece}) }, func(err error) { self.Tell(ended{err}) })
	for range window {
		a.stream.More()
	}
}

func (a *Actor) onArrived(c *kit.Context, m arrived) {
	if a.pieces == 0 && a.head.index == 0 {
		if err := a.head.decode(m.piece); err != nil {
			a.settle(c, Done{Err: err})
			return
		}
		a.stream.More()
		return
	}
	a.config.Applier.Tell(applier.Take{
		Piece: m.piece, First: a.pieces == 0, ReplyTo: c.Self(), Token: uint64(a.pieces),
	})
	a.pieces++
}

func (a *Actor) onTaken(c *kit.Context, m applier.Taken) {
	if m.Err != nil {
		a.settle(c, Done{Err: fmt.Errorf("piece %d: %w", m.Token, m.Err)})
		return
	}
	a.taken++
	a.stream.More()
	a.maybeFinish(c)
}

func (a *Actor) onEnded(c *kit.Context, m ended) {
	if m.err != nil {
		a.settle(c, Done{Err: m.err})
		return
	}
	a.ended = true
	a.maybeFinish(c)
}

func (a *Actor) maybeFinish(c *kit.Context) {
	switch {
	case !a.ended || a.taken < a.pieces || a.settled:
	case a.pieces == 0:
		a.settle(c, Done{Err: errEmpty})
	default:
		a.config.Applier.Tell(applier.Finish{ReplyTo: c.Self()})
	}
}

func (a *Actor) onFinished(c *kit.Context, m applier.Finished) {
	a.settle(c, Done{
		Index: a.head.index, Term: a.head.term, ConfState: a.head.conf, Machine: m.Machine, Err: m.Err,
	})
}

// settle tells the parent, once.
func (a *Actor) settle(c *kit.Context, d Done) {
	if a.settled {
		return
	}
	a.settled = true
	c.Parent().Tell(d)
}

func (a *Actor) close() {
	if a.stream != nil {
		a.stream.Close()
	}
	if a.slot {
		a.config.Slots.Release(1)
	}
}
