package modern

import (
	"maps"
	"time"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// State is how far a group is with its assignment; the package comment has the table.
type State uint8

// The states of a group.
const (
	Empty State = iota
	Assigning
	Reconciling
	Stable
	Dead
)

// String returns Kafka's name of the state.
func (s State) String() string {
	return [...]string{"Empty", "Assigning", "Reconciling", "Stable", "Dead"}[s]
}

// Migration says which conversions between classic and consumer groups are done while members are in the
// group. Groups without members are always converted.
type Migration struct{ Upgrade, Downgrade bool }

// ParseMigration reads Kafka's name of a policy (group.consumer.migration.policy).
func ParseMigration(policy string) (Migration, bool) {
	switch policy {
	case "bidirectional":
		return Migration{true, true}, true
	case "upgrade":
		return Migration{Upgrade: true}, true
	case "downgrade":
		return Migration{Downgrade: true}, true
	case "disabled":
		return Migration{}, true
	}
	return Migration{}, false
}

// Settings are the rules for groups.
type Settings struct {
	Session        time.Duration // a member that is silent for so long is out
	Heartbeat      time.Duration // members are told to send heartbeats so often
	MaxSize        int           // members of a group
	Assignors      []string      // that members may ask for; the first one is taken where they ask for none
	Migration      Migration
	ClassicMaxSize int           // a larger group is not turned into a classic one
	NewID          func() string // returns an id that nobody has
}

// Topics is what a group asks the cluster. Version grows with every change.
type Topics interface {
	Version() uint64
	// Topic and TopicByID return a topic, false if there is none.
	Topic(name string) (records.Topic, bool)
	TopicByID(id records.TopicID) (records.Topic, bool)
	// Matching returns the names that an expression matches from end to end, in order; false if that is not
	// known at the moment. The list never changes.
	Matching(expression string) ([]string, bool)
}

// Group is one group. Its methods take the present time, which does not go backwards.
//
// Invariants: statics, owners, speakers and searchers agree with members; target has an entry for each
// member that was in the group when it was made; epoch is never below targetEpoch.
type Group struct {
	settings *Settings
	id       string
	state
	timers map[string]*timers
	undo   *state // what Settle goes back to; nil: nothing was changed

	out        []batch.Record
	downgraded *Downgraded
}

// state is what the log knows too. Its maps are replaced as a whole by clone; what they hold is immutable.
type state struct {
	epoch       int32
	targetEpoch int32 // -1: there is no target
	members     map[string]*member
	statics     map[string]string // instance id → member id
	target      map[string]records.Partitions
	topics      map[string]records.Topic // that members read
	regexes     map[string]records.Regex // what expressions stand for
	owners      map[records.TopicID]map[int32]string
	seen        uint64 // version of the cluster in which topics were looked up
	speakers    int    // members of the classic protocol
	searchers   int    // members that subscribe by an expression
	dead        bool
}

// timers are the deadlines of a member; zero: none.
type timers struct {
	session   time.Time
	rebalance time.Time // to give back what it must not have
	join      time.Time // a classic member has to join again
	sync      time.Time // or to ask for its assignment
}

// New returns an empty group.
func New(id string, settings *Settings) *Group {
	return &Group{
		settings: settings, id: id, timers: map[string]*timers{},
		state: state{
			targetEpoch: -1, members: map[string]*member{}, statics: map[string]string{},
			target: map[string]records.Partitions{}, topics: map[string]records.Topic{},
			regexes: map[string]records.Regex{}, owners: map[records.TopicID]map[int32]string{},
		},
	}
}

// Use has the group work by other rules from now on. Deadlines that run stay as they are.
func (g *Group) Use(settings *Settings) { g.settings = settings }

// State returns the state of the group.
func (g *Group) State() State {
	switch {
	case g.dead:
		return Dead
	case len(g.members) == 0:
		return Empty
	case g.epoch > g.targetEpoch:
		return Assigning
	}
	for _, m := range g.members {
		if !m.reconciledTo(g.targetEpoch) {
			return Reconciling
		}
	}
	return Stable
}

// Epoch returns the epoch of the group, 0 before its first member.
func (g *Group) Epoch() int32 { return g.epoch }

// Size returns the number of members.
func (g *Group) Size() int { return len(g.members) }

// Recorded tells whether the log has something of the group, or will have once it is written.
func (g *Group) Recorded() bool { return g.epoch > 0 || len(g.members) > 0 }

// SubscribesTo tells whether a member reads a topic.
func (g *Group) SubscribesTo(topic string) bool {
	_, reads := g.topics[topic]
	return reads
}

// Take returns the records of the calls since the last Take. They belong together.
func (g *Group) Take() []batch.Record {
	out := g.out
	g.out = nil
	return out
}

// Downgraded returns what classic group is to follow once the records of the last call are committed; nil if
// the group goes on.
func (g *Group) Downgraded() *Downgraded { return g.downgraded }

// touch notes what is undone by Settle, before the first change. Every change of state begins with it.
func (g *Group) touch() {
	if g.undo == nil {
		before := g.clone()
		g.undo = &before
	}
}

// clone copies the maps, not what they hold but for owners.
func (s *state) clone() state {
	c := *s
	c.members, c.statics, c.target = maps.Clone(s.members), maps.Clone(s.statics), maps.Clone(s.target)
	c.topics, c.regexes = maps.Clone(s.topics), maps.Clone(s.regexes)
	c.owners = make(map[records.TopicID]map[int32]string, len(s.owners))
	for topic, owners := range s.owners {
		c.owners[topic] = maps.Clone(owners)
	}
	return c
}

// Settle says what became of the records since the last Settle: they are committed, or the group is as it was
// before.
func (g *Group) Settle(committed bool) {
	if g.undo == nil {
		return
	}
	if !committed {
		g.state = *g.undo
		g.downgraded = nil
	}
	g.undo = nil
	maps.DeleteFunc(g.timers, func(id string, _ *timers) bool { return g.members[id] == nil })
}

// write adds a record; a nil value removes what the key stands for.
func (g *Group) write(kind records.Kind, name string, value []byte) {
	g.out = append(g.out, records.ModernKey{Kind: kind, Group: g.id, Name: name}.Record(value))
}

// put makes a member what it is now.
func (g *Group) put(m *member) {
	g.touch()
	g.drop(m.id)
	g.members[m.id] = m
	if m.instance != "" {
		g.statics[m.instance] = m.id
	}
	if m.classic != nil {
		g.speakers++
	}
	if m.regex != "" {
		g.searchers++
	}
	for _, held := range []records.Partitions{m.assigned, m.revoking} {
		for topic, list := range held {
			owners := g.owners[topic]
			if owners == nil {
				owners = map[int32]string{}
				g.owners[topic] = owners
			}
			for _, index := range list {
				owners[index] = m.id
			}
		}
	}
}

// drop takes a member out of all tables but that of targets.
func (g *Group) drop(id string) {
	m := g.members[id]
	if m == nil {
		return
	}
	g.touch()
	delete(g.members, id)
	if g.statics[m.instance] == id {
		delete(g.statics, m.instance)
	}
	if m.classic != nil {
		g.speakers--
	}
	if m.regex != "" {
		g.searchers--
	}
	for _, held := range []records.Partitions{m.assigned, m.revoking} {
		for topic, list := range held {
			owners := g.owners[topic]
			for _, index := range list {
				if owners[index] == id {
					delete(owners, index)
				}
			}
			if len(owners) == 0 {
				delete(g.owners, topic)
			}
		}
	}
}

// free tells whether nobody but a member has a partition, or has to give it back.
func (g *Group) free(topic records.TopicID, index int32, id string) bool {
	owner, owned := g.owners[topic][index]
	return !owned || owner == id
}

// timersOf returns the deadlines of a member.
func (g *Group) timersOf(id string) *timers {
	t := g.timers[id]
	if t == nil {
		t = &timers{}
		g.timers[id] = t
	}
	return t
}

// heard notes that a member lives.
func (g *Group) heard(now time.Time, m *member) {
	g.timersOf(m.id).session = now.Add(m.sessionTime(g.settings))
}

// clientOf returns who asks, for the record of a member.
type client = classic.Client

// refusal is an error that a member is told. It is a *protocol.Error.
func refusal(code protocol.Code, format string, args ...any) error {
	return protocol.Errorf(code, format, args...)
}
