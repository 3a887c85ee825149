package coordinator

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Options say which partition it is and what the rules are.
type Options struct {
	Replica         *partition.Replica
	Epoch           protocol.LeaderEpoch // of the leadership that this coordinator belongs to
	Settings        *Settings
	AbortInterval   time.Duration // time between two looks for transactions that have taken too long
	CleanupInterval time.Duration // time between two looks for what has expired
	Metadata        kit.Address
	Brokers         kit.Address
	Leader          Leader
	Low             func() bool // the disk has no room: nothing new is begun
	Metrics         *Metrics
	Log             zerolog.Logger
}

// Leader returns the node that leads a partition, partition.NoLeader if none is known. found says whether
// this node knows of the topic, and exists whether the topic has such a partition. It may be called at any
// time.
type Leader func(topic string, index int32) (node int32, found, exists bool)

// maxBatch bounds the messages of one turn.
const maxBatch = 1024

// Actor coordinates one partition. See the package comment for its card.
type Actor struct {
	options Options
	core    *core
	asks    map[ticket]Ask
	last    ticket

	reading *reading // nil once the log has been read

	pending  []write // of this turn
	inflight map[uint64][]write
	proposed uint64 // token of a proposal

	marking  marking
	timer    kit.Timer // brings again; nil: it does not come
	timerFor time.Time
}

// Spec returns how to spawn the coordinator of a partition.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options, core: newCore(options.Settings), asks: map[ticket]Ask{},
				inflight: map[uint64][]write{}, marking: newMarking(),
			}
		},
		Mailbox: kit.Batched(maxBatch),
		Log:     &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case kit.Batch:
		for message := range m.All() {
			a.on(c, message)
		}
		a.proceed(c)
	case kit.Stopping:
		a.onStopping()
	}
}

func (a *Actor) on(c *kit.Context, message any) {
	switch m := message.(type) {
	case Ask:
		a.onAsk(c, m)
	case List:
		a.onList(m)
	case group.Proposed:
		a.onProposed(c, m)
	case metadata.ProducerIDAllocated:
		a.core.allocated(c.Now(), m.Token, m.ID, m.Err == nil)
	case metadata.Submitted:
		a.onSubmitted(c, m)
	case brokers.Answered:
		a.onAnswered(c, m)
	case readOn:
		a.onReadOn(c)
	case look:
		a.core.abortLate(c.Now())
	case cleanup:
		a.core.expire(c.Now())
	case again:
		a.onAgain(c)
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	c.Every(a.options.AbortInterval, look{})
	c.Every(a.options.CleanupInterval, cleanup{})
	a.read(c)
}

func (a *Actor) onAsk(c *kit.Context, m Ask) {
	if a.reading != nil {
		m.Answer(protocol.CoordinatorLoadInProgress, nil)
		return
	}
	a.last++
	a.asks[a.last] = m
	a.core.ask(c.Now(), a.last, m.ID, m.Body)
}

func (a *Actor) onList(m List) {
	if a.reading != nil {
		m.ReplyTo.Tell(Listed{Token: m.Token, Code: protocol.CoordinatorLoadInProgress})
		return
	}
	m.ReplyTo.Tell(Listed{Token: m.Token, IDs: a.core.list(m.Keep)})
}

// onAgain tries once more what could not be done.
func (a *Actor) onAgain(c *kit.Context) {
	a.timer = nil
	a.core.retry(c.Now())
	a.core.releaseLate(c.Now())
	a.core.unparkLate(c.Now())
	a.route(c, a.marking.due(c.Now()))
}

// proceed does what the core has brought about in this turn.
func (a *Actor) proceed(c *kit.Context) {
	e := a.core.take()
	a.reply(e.answers)
	for _, number := range e.needs {
		a.options.Metadata.Tell(metadata.AllocateProducerID{ReplyTo: c.Self(), Token: number})
	}
	a.pending = append(a.pending, e.writes...)
	a.flush(c)
	a.route(c, newItems(e.markers))
	a.send(c)
	a.arm(c)
	a.options.Metrics.note(a.options.Replica.Partition, a.core.takeCounts())
}

func (a *Actor) reply(answers []answer) {
	for _, one := range answers {
		m := a.asks[one.ticket]
		delete(a.asks, one.ticket)
		m.Answer(one.code, one.result)
	}
}

// onStopping tells those who wait to look for the coordinator again.
func (a *Actor) onStopping() {
	for _, m := range kit.InOrder(a.asks) {
		m.Answer(protocol.NotCoordinator, nil)
	}
	a.asks = nil
	a.options.Metrics.forget(a.options.Replica.Partition)
}
