package kit

import (
	"fmt"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
)

// phase is where a cell stands in its life. It only grows.
//
//	phase     user messages  lifecycle messages           left by
//	alive     handed over    all                          a panic; Stop
//	failed    wait           none                         Stop by the supervisor
//	stopping  refused        Stopped                      the end of the last child
//	gone      refused        none
type phase uint8

const (
	alive phase = iota
	failed
	stopping
	gone
)

// cell is everything kit keeps for one incarnation of an actor. Towards protoactor it is the Actor and its
// SupervisorStrategy; towards everybody else it is what an Address points to.
//
// Fields without a comment are set before the first turn and never change.
type cell struct {
	context Context
	system  *System
	parent  *cell // nil at the top
	pid     *actor.PID
	log     *zerolog.Logger
	kind    *kind
	number  uint64       // order of spawning within the system
	create  func() Actor // dropped at the start
	mailbox mailbox

	// Owned by the actor's turns.
	user     Actor
	inner    actor.Context
	phase    phase
	escalate bool
	timers   *timer // those that are running, a doubly linked list
	watching map[*cell]struct{}

	// mu guards what others look at: the table of children (written by the actor's turns only, which
	// therefore read without the lock), the watchers and the end.
	mu       sync.Mutex
	children *brood // nil for leaves
	awaited  *awaited
	ended    bool

	// What is rarely used comes last: sender and receiver share few cache lines as it is.
	mishap *mishap // owned by the turns
	born   int64   // nanoseconds since the epoch
	held   held    // written by the turns, read by all
}

// awaited is who waits for the end of an actor, nil for most actors: parents are told anyway.
type awaited struct {
	watchers []*cell
	end      chan struct{} // made on demand
}

// mishap is what goes wrong with an actor, nil for nearly all of them.
type mishap struct {
	trap    *trap  // nil unless a fault is to strike within this turn
	culprit any    // what it failed at
	spared  uint64 // generation of the faults of which none is about this actor
}

// wrong returns the cell's mishap to write to.
func (c *cell) wrong() *mishap {
	if c.mishap == nil {
		c.mishap = new(mishap)
	}
	return c.mishap
}

// nest hands a new child's cell to protoactor, whose Props are built for kinds of actors and not for single
// ones. It is needed only while the child is being spawned, so a few serve all parents: one for each child
// would cost 300 bytes apiece.
type nest struct {
	props *actor.Props
	child *cell
}

func newNest(options ...actor.PropsOption) *nest {
	n := &nest{}
	n.props = actor.PropsFromProducerWithActorSystem(
		func(*actor.ActorSystem) actor.Actor { return n.child },
		append(options,
			actor.WithMailbox(func() actor.Mailbox { return &n.child.mailbox }),
			actor.WithOnInit(func(inner actor.Context) {
				n.child.inner, n.child.pid = inner, inner.Self()
			}))...)
	return n
}

// hatch has protoactor start the child that newCell made.
func (n *nest) hatch(child *cell, spawn func(*actor.Props) (*actor.PID, error)) {
	n.child = child
	defer func() { n.child = nil }()
	if _, err := spawn(n.props); err != nil {
		panic(fmt.Sprintf("BUG: got %v, want a name that is free", err))
	}
	child.kind.live.Inc()
}

func newCell(s *System, parent *cell, name string, spec Spec) *cell {
	if name == "" || strings.ContainsRune(name, '/') {
		panic(fmt.Sprintf("BUG: got the name %q, want one part of a path", name))
	}
	c := &cell{
		system: s, parent: parent, kind: s.metrics.kind(name), number: s.spawned.Add(1),
		born: s.clock.Now().UnixNano(), create: spec.New, escalate: spec.Children == Escalate, log: &s.log,
	}
	c.context.cell = c
	if spec.Log != nil {
		c.log = spec.Log
	}
	c.mailbox.init(c, spec.Mailbox.limit)
	return c
}

// spawn makes a child in the actor's turn.
func (c *cell) spawn(name string, spec Spec) *cell {
	switch {
	case c.phase != alive:
		panic(fmt.Sprintf("BUG: got a spawn of %s in %s, which is stopping", name, c.path()))
	case c.children.find(name) != nil:
		panic(fmt.Sprintf("BUG: got a spawn of %s in %s, want a name that is free", name, c.path()))
	}
	child := newCell(c.system, c, name, spec)
	nest := c.system.nests.Get().(*nest)
	nest.hatch(child, func(props *actor.Props) (*actor.PID, error) {
		return c.inner.SpawnNamed(props, name)
	})
	c.system.nests.Put(nest)
	c.adopt(child)
	child.mailbox.begin()
	return child
}

// path returns the identity of the actor in logs; the last part of it is its name.
func (c *cell) path() string { return c.pid.Id }

func (c *cell) name() string {
	id := c.pid.Id
	return id[strings.LastIndexByte(id, '/')+1:]
}

// deliver implements recipient.
func (c *cell) deliver(message any) bool {
	if c.mailbox.post(message) {
		return true
	}
	c.undelivered(message)
	return false
}
