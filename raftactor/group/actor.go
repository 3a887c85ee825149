package group

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// Config is what the actor of a group begins with.
type Config struct {
	Group       wal.GroupID
	Name        string
	Replica     uint64
	Voters      []uint64 // of a group that the write-ahead log does not know yet
	Incarnation uint32   // of the host, different for each actor that it starts; not 0
	Open        applier.Open
	Rebuild     bool // this process has had the machine open before
	// Place returns what writes large entries to where the machine will want them, given the entries that the
	// write-ahead log holds; nil: all go to the log. It is called at the start of each life, before Open.
	Place   func(loaded []wal.Entry) walactor.Placer
	Events  kit.Address // gets LeaderChanged
	WAL     kit.Address
	Janitor kit.Address
	Links   kit.Address // gets Send; zero: there are no peers
	Status  *Status

	NodeOf func(replica uint64) int32
	Alive  func(node int32) bool
	Fetch  catchup.Open // nil: there is nobody to fetch from
	Pull   catchup.Pull // instead of Fetch, if it is not nil
	Slots  *kit.Budget
	Tails  *TailBudget
	// Wanted keeps the membership that should be over the lives of the unit.
	Wanted *atomic.Pointer[Want]
}

// Actor drives a Core.
type Actor struct {
	config    Config
	core      *Core       // nil until the state is loaded, and after the end
	applier   kit.Address // of the same life as core
	proposals []Propose   // of this turn, not yet given to core
	told      LeaderChanged
	bootstrap *wal.Update // on its way to the disk
	early     []Step      // that came before the state was loaded
	catchup   kit.Address // zero: none is under way
	placer    walactor.Placer
	embedding embedding
}

// Spec returns the actor of a group, to be spawned by the host. log is shared by all groups. A failure of the
// applier is one of the group: they are one unit.
func Spec(config Config) kit.Spec {
	return kit.Spec{
		New:      func() kit.Actor { return &Actor{config: config} },
		Children: kit.Escalate,
		Mailbox:  kit.Batched(maxBatch),
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.load(c)
	case kit.Batch:
		a.turn(c, m)
	case kit.Terminated:
		a.catchup = kit.Address{} // the applier ends with this actor only
		a.embedding = embedding{}
	case kit.Stopping:
		a.stop()
	}
}

// turn handles a batch: first what the world says, then all proposals at once. If it panics, kit refuses
// the messages that the loop has not passed, and stop answers all others who wait for this unit.
func (a *Actor) turn(c *kit.Context, batch kit.Batch) {
	for m := range batch.All() {
		if p, ok := m.(Propose); ok {
			a.proposals = append(a.proposals, p)
			continue
		}
		a.handle(c, m)
	}
	a.propose()
	a.perform(c)
}

func (a *Actor) handle(c *kit.Context, message any) {
	switch m := message.(type) {
	case walactor.Loaded:
		a.loaded(c, m)
	case walactor.Appended:
		a.appended(c, m)
	case janitor.Capture:
		a.capture(m)
	case janitor.Checkpointed:
		a.checkpointed(m)
	case applier.Share:
		a.share(m)
	case Want:
		a.want(m)
	case DescribeMembers:
		a.describe(c, m)
	case walactor.Embedded:
		a.embedded(c, m)
	case catchup.Done:
		a.caughtUp(c, m)
	case Transfer:
		a.transfer(m)
	case Step:
		a.step(m)
	default:
		if a.core != nil { // else it is for a life that is over, or comes again
			a.tellCore(message)
		}
	}
}

// maxEarly is how many messages are kept while the state is being loaded. They are few: a group that has just
// been made is asked for its vote by the others, and without it their election would have to be held again.
const maxEarly = 16

func (a *Actor) step(m Step) {
	switch {
	case a.core == nil && len(a.early) < maxEarly:
		a.early = append(a.early, m)
	case a.core != nil:
		for _, one := range m.Messages {
			a.core.Step(one)
		}
	}
}

func (a *Actor) tellCore(message any) {
	switch m := message.(type) {
	case applier.Applied:
		a.core.Applied(m)
	case Tick:
		a.core.Tick()
	case Campaign:
		a.core.Campaign()
	case Unreachable:
		a.core.Unreachable(m.Replica)
	case NodeChanged:
		a.core.NodeChanged(m.Node)
	case ReplicaLost:
		a.core.ReplicaLost(m.Replica)
	case Resign:
		a.core.Resign()
	case TellMembers:
		a.core.TellMembers()
	default:
		panic(fmt.Sprintf("BUG: got message %T, want one that a group receives", message))
	}
}

// load asks for the durable state. See the package comment for why this is ordered behind the appends of
// whoever had this name before.
func (a *Actor) load(c *kit.Context) {
	a.config.WAL.Tell(walactor.Load{
		Group:   a.config.Group,
		ReplyTo: c.Self(),
		Token:   token(a.config.Incarnation, 0),
	})
}

func (a *Actor) loaded(c *kit.Context, m walactor.Loaded) {
	switch {
	case !ofIncarnation(m.Token, a.config.Incarnation):
	case m.Err != nil:
		panic(fmt.Errorf("load raft group %d: %w", a.config.Group, m.Err))
	case m.Found:
		a.start(c, m.State)
	case len(a.config.Voters) == 0: // joins a group that others have founded
		a.start(c, wal.State{Group: a.config.Group})
	default:
		a.found(c)
	}
}

// found writes the first state of a group. Nothing else of the group happens before it is durable.
func (a *Actor) found(c *kit.Context) {
	first, err := bootstrap(a.config.Group, a.config.Voters)
	if err != nil {
		panic(err)
	}
	a.bootstrap = &first
	a.config.WAL.Tell(walactor.Append{Update: first, ReplyTo: c.Self(), Token: token(a.config.Incarnation, 0)})
}

func (a *Actor) appended(c *kit.Context, m walactor.Appended) {
	switch {
	case !ofIncarnation(m.Token, a.config.Incarnation):
	case m.Err != nil:
		panic(fmt.Errorf("append to the log of raft group %d: %w", a.config.Group, m.Err))
	case a.core == nil:
		first := a.bootstrap
		a.bootstrap = nil
		a.start(c, bootstrapped(*first))
	default:
		a.core.Appended(m.Token)
	}
}

// start brings the unit to life. The applier opens its machine in its own first turn, while raft is
// already at work.
func (a *Actor) start(c *kit.Context, state wal.State) {
	log := &raftLogger{c.Log(), a.config.Name}
	core, err := NewCore(CoreConfig{
		Group: a.config.Group, Replica: a.config.Replica, Incarnation: a.config.Incarnation, Log: log,
		NodeOf: a.config.NodeOf, Alive: a.config.Alive, Want: a.config.Wanted.Load(), Tails: a.config.Tails,
	}, state)
	if err != nil {
		panic(err)
	}
	a.core = core
	if a.config.Place != nil {
		a.placer = a.config.Place(state.Entries)
	}
	a.config.Status.checkpoint.Store(state.Checkpoint.Index)
	a.applier = c.Spawn("applier", applier.Spec(applier.Config{
		Group: a.config.Group, Incarnation: a.config.Incarnation, Open: a.config.Open,
		Rebuild: a.config.Rebuild, Checkpoint: state.Checkpoint, Log: c.Log(),
	}))
	a.config.Janitor.Tell(janitor.Register{Group: a.config.Group, Who: c.Self()})
	for _, m := range a.early {
		a.step(m)
	}
	a.early = nil
}

// capture lets the applier answer: what it has applied is what can be captured. Before there is an
// applier, the janitor does not know this group; its question was for a unit that is gone.
func (a *Actor) capture(m janitor.Capture) {
	if a.core != nil {
		a.applier.Tell(m)
	}
}

func (a *Actor) checkpointed(m janitor.Checkpointed) {
	if a.core != nil {
		a.config.Status.checkpoint.Store(m.Index)
		a.applier.Tell(m)
	}
}

// propose gives the proposals of the turn to the core, which answers for them from then on.
func (a *Actor) propose() {
	if len(a.proposals) == 0 {
		return
	}
	batch := a.proposals
	a.proposals = nil
	if a.core == nil {
		for _, p := range batch {
			p.Refuse(ErrNotLeader{})
		}
		return
	}
	a.core.Propose(batch)
	clear(batch) // requests may hold large buffers
	if cap(batch) <= smallQueue {
		a.proposals = batch[:0]
	}
}

// perform carries out what the core wants, and what it wants on account of that.
func (a *Actor) perform(c *kit.Context) {
	if a.core == nil {
		return
	}
	for effects := a.core.Effects(); effects != nil; effects = a.core.Effects() {
		a.carryOut(c, effects)
		a.core.Done()
	}
	a.config.Status.publish(a.core)
}

// carryOut does what effects say. An answer, or a waiter that is handed over, leaves the effects before it is
// told, so that what is left after a panic has not been answered.
func (a *Actor) carryOut(c *kit.Context, effects *Effects) {
	for _, one := range effects.Appends {
		a.config.WAL.Tell(walactor.Append{
			Update: one.Update, ReplyTo: c.Self(), Token: one.Token,
			Placer: a.placer, Inline: a.embedding.holds(),
		})
	}
	if len(effects.Send) > 0 {
		a.config.Links.Tell(Send{Group: a.config.Group, Messages: slices.Clone(effects.Send), From: c.Self()})
	}
	for _, one := range effects.Positions {
		a.applier.Tell(applier.Position{Index: one.Index, Term: one.Term, ConfState: one.ConfState})
	}
	for _, one := range effects.Installs {
		a.checkpointed(one)
	}
	for i, one := range effects.Applies {
		effects.Applies[i] = applier.Apply{}
		a.applier.Tell(one)
	}
	for i, one := range effects.Answers {
		effects.Answers[i] = Answer{}
		one.ReplyTo.Tell(one.Proposed)
	}
	for _, change := range effects.Changes {
		a.announce(c, change)
	}
	a.performMembership(c, effects)
	if effects.Wake != WakeSame {
		c.Parent().Tell(Awake{a.config.Group, a.config.Incarnation, effects.Wake == WakeUp})
	}
}

func (a *Actor) announce(c *kit.Context, change LeaderChanged) {
	a.told = change
	a.config.Events.Tell(change)
	event := c.Log().Debug()
	text := fmt.Sprintf("replica %d leads at term %d", change.Leader, change.Term)
	if change.Ready {
		event = c.Log().Info()
		text = fmt.Sprintf("became leader at term %d", change.Term)
	}
	event.Str("group", a.config.Name).Uint64("replica", a.config.Replica).Uint64("leader", change.Leader).
		Uint64("term", change.Term).Msg(text)
}

// stop ends the unit, possibly after a panic in the middle of a turn, and answers everybody who waits for
// it. The applier is stopped after this, and refuses what it has been handed.
func (a *Actor) stop() {
	for _, p := range a.proposals {
		p.Refuse(kit.ErrStopped)
	}
	if a.core != nil {
		answers, transferred := a.core.Abandon(kit.ErrStopped)
		for _, answer := range answers {
			answer.ReplyTo.Tell(answer.Proposed)
		}
		for _, answer := range transferred {
			answer.ReplyTo.Tell(answer.Transferred)
		}
	}
	a.proposals, a.core, a.early = nil, nil, nil
	a.config.Status.stopped()
	a.config.Janitor.Tell(janitor.Unregister{Group: a.config.Group})
	if a.told.Leader != 0 {
		a.config.Events.Tell(LeaderChanged{Group: a.config.Group, Term: a.told.Term})
	}
}
