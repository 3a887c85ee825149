package coordinator

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Options say which partition it is and what the rules are.
type Options struct {
	Replica         *partition.Replica
	Settings        *consumers.Settings
	CleanupInterval time.Duration // time between two looks for what has expired
	Low             func() bool   // the disk has no room: nothing is written
	Expressions     kit.Address   // who knows what regular expressions match, by name
	Log             zerolog.Logger
}

// maxBatch bounds the messages of one turn.
const maxBatch = 1024

// tickLeast is the least time between two wake-ups of groups, so that many deadlines share one.
const tickLeast = 10 * time.Millisecond

// Actor coordinates one partition. See the package comment for its card.
type Actor struct {
	options Options
	groups  map[string]*hosted
	names   map[string]*hosted // by the name of the actor
	spawned uint64
	healing map[string]bool // groups that failed and are not back; requests for them have to wait
	repairs kit.Restarts
	waiting []waitingHeal

	reading *reading // nil while nothing is being read
	whole   bool     // the log has been read once

	pending  []consumers.Write // of this turn
	inflight map[uint64][]consumers.Write
	last     uint64 // token of a proposal
	markers  markers
	reads    reads

	wakes    kit.Pending[string, *hosted]
	timer    kit.Timer
	timerFor time.Time
}

// hosted is a group with an actor.
type hosted struct {
	group   string
	name    string
	address kit.Address
	sent    uint64 // requests
	listing *listing
}

// Spec returns how to spawn the coordinator of a partition.
func Spec(options Options) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				options: options, groups: map[string]*hosted{}, names: map[string]*hosted{},
				healing: map[string]bool{}, inflight: map[uint64][]consumers.Write{}, markers: newMarkers(),
				repairs: kit.Restarts{
					Limit: kit.NoLimit, Within: time.Minute, Min: 10 * time.Millisecond, Max: 10 * time.Second,
				},
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
		a.flush(c)
		a.confirm(c)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
	case kit.Stopping:
		refuse(a.reads.asking, protocol.NotCoordinator)
		refuse(a.reads.next, protocol.NotCoordinator)
		for _, one := range a.groups {
			a.options.Settings.Metrics.Went(one.listing)
		}
	}
}

func (a *Actor) on(c *kit.Context, message any) {
	switch m := message.(type) {
	case consumers.Ask:
		a.onAsk(c, m)
	case consumers.Write:
		a.pending = append(a.pending, m)
	case group.Proposed:
		a.onProposed(c, m)
	case consumers.WakeAt:
		a.onWakeAt(c, m)
	case consumers.Vacant:
		a.onVacant(c, m)
	case consumers.Forget:
		a.tellAll(m)
	case List:
		a.onList(m)
	case tick:
		a.onTick(c)
	case cleanup:
		a.tellAll(consumers.Expire{})
	case readOn:
		a.onReadOn(c)
	case partition.Woken, followOn:
		a.onFollow(c, message)
	case heal:
		a.onHeal(c, m)
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	c.Every(a.options.CleanupInterval, cleanup{})
	a.read(c, nil)
}

// onAsk passes a request on to its group, and makes the group if the request does.
func (a *Actor) onAsk(c *kit.Context, m consumers.Ask) {
	if !a.whole || a.healing[m.Group] {
		m.Answer(protocol.CoordinatorLoadInProgress, nil)
		return
	}
	if answer := consumers.Invalid(m.Body, a.options.Settings); answer != nil {
		m.Answer(protocol.None, answer)
		return
	}
	if _, reads := m.Body.(consumers.Fetch); reads {
		a.reads.wait(m)
		return
	}
	one := a.groups[m.Group]
	if one == nil {
		if !consumers.Creates(m.Body) {
			m.Answer(consumers.Missing(m.Body), nil)
			return
		}
		one = a.spawn(c, m.Group, consumers.State{})
	}
	one.pass(m)
}

// pass gives a request to the group.
func (one *hosted) pass(m consumers.Ask) {
	one.sent++
	one.address.Tell(m)
}

func (a *Actor) tellAll(message any) {
	for _, one := range kit.InOrder(a.groups) {
		one.address.Tell(message)
	}
}

// onVacant lets a group go that is nothing but its name, unless a request is on its way to it.
func (a *Actor) onVacant(c *kit.Context, m consumers.Vacant) {
	one := a.names[m.Group.Name()]
	if one == nil || a.groups[one.group] != one || one.sent != m.Handled {
		return
	}
	a.drop(one)
	c.Stop(one.address)
}

func (a *Actor) drop(one *hosted) {
	delete(a.groups, one.group)
	delete(a.names, one.name)
	a.options.Settings.Metrics.Went(one.listing)
	a.wakes.Take(one.name)
}

// onList answers with what the groups publish.
func (a *Actor) onList(m List) {
	if !a.whole {
		m.ReplyTo.Tell(Listed{Token: m.Token, Code: protocol.CoordinatorLoadInProgress})
		return
	}
	answer := Listed{Token: m.Token}
	for _, one := range kit.InOrder(a.groups) {
		if summary := one.listing.Load(); summary != nil && summary.State != "Dead" {
			answer.Groups = append(answer.Groups, summary)
		}
	}
	m.ReplyTo.Tell(answer)
}

// onWakeAt notes a wake-up. There is one timer for all groups.
func (a *Actor) onWakeAt(c *kit.Context, m consumers.WakeAt) {
	if one := a.names[m.Group.Name()]; one != nil {
		a.wakes.Add(one.name, one, m.At)
		a.arm(c)
	}
}

func (a *Actor) arm(c *kit.Context) {
	if a.wakes.Len() == 0 {
		return
	}
	next := a.wakes.Next()
	if a.timer != nil {
		if !next.Before(a.timerFor) {
			return
		}
		a.timer.Stop()
	}
	a.timerFor = next
	a.timer = c.After(max(next.Sub(c.Now()), tickLeast), tick{})
}

func (a *Actor) onTick(c *kit.Context) {
	a.timer = nil
	for _, one := range a.wakes.Expire(c.Now()) {
		one.address.Tell(consumers.Tick{})
	}
	a.arm(c)
}
