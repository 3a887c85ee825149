package applier

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
)

// maxBatch is the number of messages in one turn.
const maxBatch = 256

// Config is what an applier begins with.
type Config struct {
	Group       wal.GroupID
	Incarnation uint32
	Open        Open
	Rebuild     bool
	Checkpoint  wal.Checkpoint
	Log         *zerolog.Logger
}

// Spec returns the applier of a group, to be spawned by the group.
func Spec(config Config) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{group: config.Group, incarnation: config.Incarnation, begin: &config}
		},
		Mailbox: kit.Batched(maxBatch),
		Log:     config.Log,
	}
}

// Actor applies committed entries to a machine.
type Actor struct {
	group       wal.GroupID
	incarnation uint32
	begin       *Config // nil once the machine is open
	machine     Machine

	// The state of the machine: everything up to index, which is of this term and under this membership.
	index, term uint64
	conf        []byte

	run run
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.open()
		c.Parent().Tell(Applied{Incarnation: a.incarnation, Index: a.index}) // the machine is open
	case kit.Batch:
		a.turn(c, m)
	case kit.Stopping:
		a.close()
	}
}

// open opens the machine at the checkpoint. A failure ends this applier, and its group with it.
func (a *Actor) open() {
	checkpoint := a.begin.Checkpoint
	machine, err := a.begin.Open(checkpoint.Machine, a.begin.Rebuild)
	if err != nil {
		panic(fmt.Errorf("open machine at index %d: %w", checkpoint.Index, err))
	}
	a.machine, a.index, a.term, a.conf = machine, checkpoint.Index, checkpoint.Term, checkpoint.ConfState
	a.begin = nil
}

// close ends the applier, possibly after a panic in the middle of a turn: then the run holds those who have
// not been answered, and nobody else knows of them.
func (a *Actor) close() {
	a.run.refuse(kit.ErrStopped)
	if a.machine != nil {
		a.machine.Close()
		a.machine = nil
	}
}

// turn handles a batch. If it panics, kit refuses the messages that the loop has not passed.
func (a *Actor) turn(c *kit.Context, batch kit.Batch) {
	for m := range batch.All() {
		if apply, ok := m.(Apply); ok {
			a.gather(c, apply)
			continue
		}
		a.apply(c)
		a.handle(m)
	}
	a.apply(c)
}

func (a *Actor) handle(message any) {
	switch m := message.(type) {
	case janitor.Capture:
		a.capture(m)
	case janitor.Checkpointed:
		a.checkpointed(m)
	case Have:
		a.have(m)
	case Share:
		a.share(m)
	case Take:
		a.take(m)
	case Finish:
		a.finish(m)
	case Position:
		a.position(m)
	default:
		panic(fmt.Sprintf("BUG: got message %T, want one that an applier receives", message))
	}
}

// gather adds an Apply to the run. One that makes the machine lead ends its run, so that the machine leads
// from exactly there.
func (a *Actor) gather(c *kit.Context, m Apply) {
	a.run.add(m)
	if m.Index != 0 {
		a.index, a.term = m.Index, m.Term
	}
	if m.ConfState != nil {
		a.conf = m.ConfState
	}
	if m.Lead != 0 {
		a.apply(c)
	}
}

// apply hands the run to the machine, answers its waiters and tells the core. An error of the machine means
// that it cannot go on; the unit is rebuilt from its last checkpoint.
func (a *Actor) apply(c *kit.Context) {
	if len(a.run.entries) == 0 && len(a.run.waiters) == 0 && a.run.index == 0 {
		return
	}
	var results []any
	if len(a.run.entries) > 0 {
		var err error
		if results, err = a.machine.Apply(a.run.entries); err != nil {
			first, last := a.run.entries[0].Index, a.run.entries[len(a.run.entries)-1].Index
			panic(fmt.Errorf("apply entries %d to %d: %w", first, last, err))
		}
	}
	a.run.outcomes(results, func(w Waiter, result any) {
		w.ReplyTo.Tell(Proposed{Token: w.Token, Result: result, Err: w.Err})
	})
	if a.run.index != 0 {
		applied := Applied{Incarnation: a.incarnation, Index: a.run.index, Lead: a.run.lead}
		if applied.Lead != 0 {
			applied.Preparer = a.machine.Lead(applied.Lead)
		}
		c.Parent().Tell(applied)
	}
	a.run = run{}
}

// capture answers the janitor with the present state. A machine that cannot be captured now may be later,
// and if it is broken, Apply will say so.
func (a *Actor) capture(m janitor.Capture) {
	captured := janitor.Captured{Group: a.group, Index: a.index, Term: a.term, ConfState: a.conf}
	captured.Flush, captured.Err = a.machine.Capture()
	m.ReplyTo.Tell(captured)
}

// checkpointed tells the machine. After a rebuild it may be of a state that the machine has yet to reach
// again; then the machine hears of the next one.
func (a *Actor) checkpointed(m janitor.Checkpointed) {
	if m.Index <= a.index {
		a.machine.Checkpointed(m.Machine)
	}
}
