package kit

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Names of the library that a host application hands in or gets.
type (
	// HostProps is what a host application spawns an embedded tree with.
	HostProps = actor.Props
	// HostSystem is the host's own actor system.
	HostSystem = actor.ActorSystem
	// HostPID names an actor of the host.
	HostPID = actor.PID
)

// Embedding says how a tree lives below an actor of a host application.
type Embedding struct {
	Name string // of the root, below the actor of the host
	// Live returns what a new life is made of: its system and, in that, its root. fail ends the life: the
	// actor of the host fails with the error, and whoever supervises it decides.
	Live func(fail func(error)) (SystemConfig, func(*System) Spec)
}

// Asking is a message that wants an answer. When an actor of the host requests it of an embedded tree and it
// names nobody to answer to, AnswerTo returns it with the address of the one who asks.
type Asking interface{ AnswerTo(Address) any }

// Props returns how the host spawns the tree: any number of times, under any of its actors. The actor that
// the host gets is the door: what it is told goes to the root. It stops when the root has stopped, fails when
// the root fails, and when it is restarted, it builds a new tree once the old one is gone.
//
//	host's supervisor
//	└─ the host's name for it    door: a plain actor of the library, with a system of its own
//	   └─ Name                   root of the tree: kit from here on
func (e Embedding) Props() *HostProps {
	return actor.PropsFromProducer(func() actor.Actor { return &door{embedding: e} })
}

// AddressOf returns the Address of an actor of a host application.
func AddressOf(host *HostSystem, pid *HostPID) Address {
	return Address{hosted{host: host, address: pid.Address, id: pid.Id}}
}

// hosted is a recipient in the world of the host. It is a value, so that two of the same actor compare equal.
type hosted struct {
	host        *actor.ActorSystem
	from        *actor.PID // whom the receiver may respond to, nil for nobody
	address, id string
}

func (h hosted) deliver(message any) bool {
	to := actor.NewPID(h.address, h.id)
	if h.from == nil {
		h.host.Root.Send(to, message)
	} else {
		h.host.Root.RequestWithCustomSender(to, message, h.from)
	}
	return true
}

func (h hosted) path() string { return h.id }

// door is the actor that the host spawns.
type door struct {
	embedding Embedding
	system    *System
	root      Address
	reason    any  // why the root has failed
	closing   bool // the host ends this life, or begins another one when the root is gone
}

// ended says that the tree cannot go on.
type ended struct{ err error }

// Receive implements the library's Actor.
func (d *door) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		d.open(c)
	case *actor.Stopping, *actor.Restarting:
		d.close()
	case *actor.Terminated:
		d.onTerminated(c, m)
	case ended:
		panic(m.err)
	case *actor.Stopped, *actor.PoisonPill, actor.SystemMessage:
	default:
		d.pass(c, m)
	}
}

func (d *door) open(c actor.Context) {
	host, self := c.ActorSystem(), c.Self()
	config, root := d.embedding.Live(func(err error) { host.Root.Send(self, ended{err}) })
	s := Attach(host, config)
	one := newCell(s, nil, d.embedding.Name, root(s))
	s.top.nest = newNest()
	s.top.hatch(one, func(props *actor.Props) (*actor.PID, error) {
		return c.SpawnNamed(props, d.embedding.Name)
	})
	d.system, d.root = s, Address{one}
	one.mailbox.begin()
}

// close lets the workers go as soon as they are free. What is still to be done, the end of the tree among it,
// is done by others that live for one turn.
func (d *door) close() {
	d.closing = true
	if d.system == nil {
		return
	}
	d.system.closing.Store(true)
	if own, ok := d.system.dispatcher.(*workers); ok {
		own.finish()
	}
}

// HandleFailure implements the library's SupervisorStrategy for the root alone.
func (d *door) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, who *actor.PID,
	_ *actor.RestartStatistics, reason, _ any,
) {
	if one := d.system.top.find(who); one != nil {
		d.reason = reason
		one.mailbox.PostSystemMessage(stopMessage)
	}
}

// onTerminated ends the door with its root.
func (d *door) onTerminated(c actor.Context, m *actor.Terminated) {
	root := d.root.cell()
	switch {
	case d.closing || root == nil || m.Who.Id != root.pid.Id:
	case d.reason != nil:
		panic(fmt.Errorf("%s failed: %v", m.Who.Id, d.reason))
	default:
		c.Stop(c.Self())
	}
}

// pass hands a message of the host to the root.
func (d *door) pass(c actor.Context, message any) {
	if m, ok := message.(Asking); ok {
		if sender := c.Sender(); sender != nil {
			message = m.AnswerTo(Address{hosted{c.ActorSystem(), c.Self(), sender.Address, sender.Id}})
		}
	}
	d.root.Tell(message)
}
