package classic

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// State is how far a group is in its rebalance; the package comment has the table.
type State uint8

// The states of a group.
const (
	Empty State = iota
	PreparingRebalance
	CompletingRebalance
	Stable
	Dead
)

// String returns Kafka's name of the state.
func (s State) String() string {
	return [...]string{"Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead"}[s]
}

// ConsumerType is the protocol type of groups whose members are Kafka consumers.
const ConsumerType = "consumer"

// newMemberTime is how long a member that joins for the first time is waited for, whatever its session:
// its client may have given up the connection meanwhile.
const newMemberTime = 5 * time.Minute

// Settings bound what members may ask for.
type Settings struct {
	MinSession, MaxSession time.Duration
	InitialDelay           time.Duration // an empty group waits so long for more members
	MaxSize                int           // members of a group
	NewID                  func() string // returns an id that nobody has
}

// Client is who asks.
type Client struct{ ID, Host string }

// Ticket stands for a request that waits for its answer. 0 is none.
type Ticket uint64

// Reply answers a request.
type Reply struct {
	Ticket   Ticket
	Response kmsg.Response
}

// Save asks that the group is written to the log in this form. It is answered by Group.Saved.
type Save struct {
	ID    uint64
	Value []byte
}

// Effects are what a call brought about, in order.
type Effects struct {
	Replies []Reply
	Saves   []Save
}

// Group is one group. Its methods take the present time, which does not go backwards.
//
// Invariants: index, statics and pending agree with members; joining counts the members whose join waits;
// outside of Empty and Dead there is a leader among the members once a generation was begun.
type Group struct {
	settings *Settings
	id       string

	state        State
	since        time.Time // of the state
	protocolType string    // "" for a group that only keeps offsets
	protocol     string    // chosen for this generation
	generation   int32
	leader       string
	topics       map[string]struct{} // that consumers subscribe to; nil if that is not known

	members  []*member // in the order in which they came
	index    map[string]*member
	statics  map[string]string    // instance id → member id
	pending  map[string]time.Time // ids given out that have not joined, and how long they live
	unsynced map[string]struct{}  // members of this generation whose sync has not come

	joinBy   time.Time     // when the rebalance under way ends; zero: when all have joined
	grace    time.Duration // how much longer an initial rebalance may be put off
	arrived  bool          // somebody joined during the initial delay
	initial  bool          // the rebalance under way is an initial one
	syncBy   time.Time     // when members that have not synced are dropped; zero: not waiting
	saves    map[uint64]saving
	lastSave uint64
	left     bool // members have gone in the call under way

	out Effects
}

// member is one member of a group.
type member struct {
	id         string
	instance   *string
	client     Client
	session    time.Duration
	rebalance  time.Duration
	protocols  []kmsg.JoinGroupRequestProtocol
	assignment []byte

	join     Ticket // its JoinGroup that waits, 0 if none does
	sync     Ticket // its SyncGroup that waits
	fresh    bool   // it has never finished a join
	deadline time.Time
}

// New returns an empty group.
func New(id string, settings *Settings, now time.Time) *Group {
	return &Group{settings: settings, id: id, since: now}
}

// State returns the state of the group.
func (g *Group) State() State { return g.state }

// Since returns when the group came into its state.
func (g *Group) Since() time.Time { return g.since }

// ProtocolType returns what the members call their protocol, "" if the group only keeps offsets.
func (g *Group) ProtocolType() string { return g.protocolType }

// Vacant tells whether nobody is in the group or about to be.
func (g *Group) Vacant() bool { return len(g.members) == 0 && len(g.pending) == 0 && len(g.saves) == 0 }

// Recorded tells whether the group has been written to the log, or is being written.
func (g *Group) Recorded() bool { return g.generation > 0 }

// Take returns the effects of the calls since the last Take.
func (g *Group) Take() Effects {
	out := g.out
	g.out = Effects{}
	return out
}

func (g *Group) reply(to Ticket, response kmsg.Response) {
	if to != 0 {
		g.out.Replies = append(g.out.Replies, Reply{to, response})
	}
}

func (g *Group) become(state State, now time.Time) { g.state, g.since = state, now }

// SubscribesTo tells whether members may be reading a topic: where their subscriptions are not known they
// may read anything.
func (g *Group) SubscribesTo(topic string) bool {
	if g.topics == nil {
		return true
	}
	_, subscribed := g.topics[topic]
	return subscribed
}

// Subscriptions tells whether it is known what the members read.
func (g *Group) Subscriptions() bool { return g.topics != nil }

// check says whether a request comes from a member, by its id and, where it names one, its instance.
func (g *Group) check(id string, instance *string) protocol.Code {
	if instance != nil {
		switch owner, known := g.statics[*instance]; {
		case !known:
			return protocol.UnknownMemberID
		case owner != id:
			return protocol.FencedInstanceID
		}
	}
	if g.index[id] == nil {
		return protocol.UnknownMemberID
	}
	return protocol.None
}

func (g *Group) add(m *member) {
	if g.index == nil {
		g.index, g.statics = map[string]*member{}, map[string]string{}
	}
	if len(g.members) == 0 {
		g.leader = m.id
	}
	g.members = append(g.members, m)
	g.index[m.id] = m
	if m.instance != nil {
		g.statics[*m.instance] = m.id
	}
	delete(g.pending, m.id)
}

// remove takes a member out. A join of it that waits ends with code, and so does its sync.
func (g *Group) remove(m *member, code protocol.Code) {
	g.endJoin(m, code)
	g.endSync(m, code)
	delete(g.index, m.id)
	delete(g.unsynced, m.id)
	if m.instance != nil && g.statics[*m.instance] == m.id {
		delete(g.statics, *m.instance)
	}
	kept := make([]*member, 0, len(g.members))
	for _, one := range g.members {
		if one != m {
			kept = append(kept, one)
		}
	}
	g.members = kept
	if g.leader == m.id {
		g.leader = ""
		if len(kept) > 0 {
			g.leader = kept[0].id
		}
	}
}

func (g *Group) endJoin(m *member, code protocol.Code) {
	g.reply(m.join, joinRefused(code, m.id))
	m.join = 0
}

func (g *Group) endSync(m *member, code protocol.Code) {
	g.reply(m.sync, syncRefused(code))
	m.sync = 0
}

// joining counts the members whose join waits.
func (g *Group) joining() int {
	count := 0
	for _, m := range g.members {
		if m.join != 0 {
			count++
		}
	}
	return count
}

// heard notes that a member lives.
func (m *member) heard(now time.Time) { m.deadline = now.Add(m.session) }

// waits tells whether the member cannot send a heartbeat because we owe it an answer.
func (m *member) waits() bool { return m.join != 0 || m.sync != 0 }
