package raftactor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// ErrExists refuses to start a group whose id or name is taken.
var ErrExists = errors.New("raft group exists")

// Config is what the host needs to know of its surroundings.
type Config struct {
	WAL     kit.Address
	Janitor kit.Address
	// Network is how this node reaches its peers; nil on a cluster of one.
	Network *Network
	// NodeOf tells which node holds a replica; nil: the upper half of its id does.
	NodeOf func(replica uint64) int32
	// TailBytes bounds what all groups together keep in memory for peers that lag; 0 stands for 256 MiB.
	TailBytes int64
	Log       zerolog.Logger

	test *testNetwork
}

// testNetwork stands in for the network in tests.
type testNetwork struct {
	links  kit.Address // gets group.Send
	alive  func(node int32) bool
	notice func(body []byte) // to all peers
}

const defaultTailBytes = 256 << 20

// nodeOf is what Config.NodeOf is if nobody says otherwise.
func nodeOf(replica uint64) int32 { return int32(replica >> 32) }

// HostSpec returns the host of all Raft groups of a node, to be spawned as "raft".
func HostSpec(config Config) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newHost(config) }, Log: &config.Log}
}

// host runs units and rebuilds those that fail.
type host struct {
	config  Config
	units   map[wal.GroupID]*unit
	names   map[string]*unit
	opened  map[wal.GroupID]struct{} // stopped here, but had their machines open in this process
	removes map[uint64]*unit         // tombstones on their way, by token

	lastToken       uint64
	lastIncarnation uint32

	awake  []*unit   // who gets ticks; as a list, since a map has another order each time
	ticker kit.Timer // nil while nobody is awake

	routes      routes
	early       early
	tails       *group.TailBudget
	network     network
	subscribers []kit.Address
	resigning   *resigning // nil until somebody asks

	sampled zerolog.Logger // what the groups log to

	wrap func(kit.Spec) kit.Spec // test seam: put something between the host and its units
}

// electionBurst is how many lines the groups may log in a second at info, all together. A start with ten
// thousand partitions is one event for a person, not ten thousand; debug shows them all.
const electionBurst = 20

func newHost(config Config) *host {
	sampled := config.Log
	if sampled.GetLevel() > zerolog.DebugLevel {
		burst := &zerolog.BurstSampler{Burst: electionBurst, Period: time.Second}
		sampled = sampled.Sample(zerolog.LevelSampler{InfoSampler: burst})
	}
	if config.NodeOf == nil {
		config.NodeOf = nodeOf
	}
	if config.TailBytes == 0 {
		config.TailBytes = defaultTailBytes
	}
	return &host{
		config: config, sampled: sampled, tails: group.NewTailBudget(config.TailBytes),
		units: make(map[wal.GroupID]*unit), names: make(map[string]*unit),
		opened: make(map[wal.GroupID]struct{}), removes: make(map[uint64]*unit),
	}
}

// Receive implements kit.Actor.
func (h *host) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		h.open(c)
	case Start:
		h.start(c, m)
	case Stop:
		h.stop(c, m)
	case Describe:
		m.ReplyTo.Tell(Described{Token: m.Token, Groups: h.describe()})
	case Deliver:
		h.deliver(c, m)
	case group.Awake:
		h.wake(c, m)
	case tick:
		h.tick()
	case Subscribe:
		h.subscribe(c, m)
	case SetPeers:
		h.setPeers(c, m)
	case Resign:
		h.resign(c, m)
	case lookAgain:
		h.lookAgain(c)
	case server.Bound:
		h.onBound(c, m)
	case link.Greeted:
		h.onGreeted(c, m)
	case link.Noticed:
		h.onNoticed(c, m)
	case link.Up:
		h.onUp(m)
	case link.Down:
		h.onDown(m)
	case link.Refused:
		h.tellAll(m)
	case mend:
		h.mend(c, m)
	case kit.ChildFailed:
		h.failed(m)
	case kit.Terminated:
		h.terminated(c, m)
	case rebuild:
		h.rebuild(c, m)
	case walactor.Appended:
		h.removed(m)
	case kit.Stopping:
		h.onStopping(c)
	}
}

func (h *host) start(c *kit.Context, m Start) {
	if h.units[m.Group] != nil || h.names[unitName(m.Name)] != nil {
		m.Refuse(fmt.Errorf("start %s (%d): %w", m.Name, m.Group, ErrExists))
		return
	}
	u := &unit{spec: m.Spec, status: new(group.Status), gone: true, wanted: new(atomic.Pointer[group.Want])}
	if m.Preferred != 0 {
		u.wanted.Store(&group.Want{Preferred: m.Preferred})
	}
	h.units[m.Group], h.names[unitName(m.Name)] = u, u
	_, rebuilt := h.opened[m.Group]
	delete(h.opened, m.Group)
	h.spawn(c, u, rebuilt)
	for _, messages := range h.early.take(m.Group, c.Now()) {
		u.address.Tell(group.Step{Messages: messages})
	}
	m.ReplyTo.Tell(Started{Group: m.Group, Core: c.Self().Child(unitName(m.Name)), Token: m.Token})
}

func unitName(name string) string { return "group-" + name }

// spawn starts the next incarnation of a unit.
func (h *host) spawn(c *kit.Context, u *unit, rebuilt bool) {
	h.lastIncarnation++
	u.incarnation, u.state, u.gone = h.lastIncarnation, Running, false
	spec := group.Spec(group.Config{
		Group: u.spec.Group, Name: u.spec.Name, Replica: u.spec.Replica, Voters: u.spec.Voters,
		Incarnation: u.incarnation, Open: u.spec.Open, Rebuild: rebuilt, Events: u.spec.Events,
		Place: u.spec.Place,
		WAL:   h.config.WAL, Janitor: h.config.Janitor, Links: h.links(), Status: u.status,
		NodeOf: h.config.NodeOf, Alive: h.alive, Fetch: h.fetch(), Pull: h.pull(),
		Slots: h.network.slots, Tails: h.tails, Wanted: u.wanted,
	})
	spec.Log = &h.sampled
	if h.wrap != nil {
		spec = h.wrap(spec)
	}
	u.address = c.Spawn(unitName(u.spec.Name), spec)
	h.routes.put(u.spec.Group, u.address)
	if h.resigning != nil {
		u.address.Tell(group.Resign{})
	}
}

func (h *host) stop(c *kit.Context, m Stop) {
	u := h.units[m.Group]
	if u == nil {
		if !m.Remove {
			m.ReplyTo.Tell(Stopped{Group: m.Group, Token: m.Token})
			return
		}
		u = &unit{spec: Spec{Group: m.Group}, gone: true} // the log may still know it
		h.units[m.Group] = u
	}
	u.stops = append(u.stops, m)
	switch {
	case u.state == Removing:
	case u.gone:
		h.finishStop(c, u)
	case u.state == Running || u.state == Failed:
		u.state = Stopping
		c.Stop(u.address)
	}
}

// finishStop follows when the actors are gone. All they have asked the write-ahead log to do is in its
// mailbox, so the tombstone comes after it.
func (h *host) finishStop(c *kit.Context, u *unit) {
	if !u.remove() {
		h.opened[u.spec.Group] = struct{}{}
		h.forget(u, nil)
		return
	}
	u.state = Removing
	h.lastToken++
	h.removes[h.lastToken] = u
	h.config.WAL.Tell(walactor.Append{
		Update: wal.Update{Group: u.spec.Group, Remove: true}, ReplyTo: c.Self(), Token: h.lastToken,
	})
}

// removed hears that a tombstone is durable.
func (h *host) removed(m walactor.Appended) {
	u := h.removes[m.Token]
	if u == nil {
		panic(fmt.Sprintf("BUG: got the answer to append %d, want one of the tombstones", m.Token))
	}
	delete(h.removes, m.Token)
	delete(h.opened, u.spec.Group)
	h.forget(u, m.Err)
}

// forget drops a unit and answers those who wanted it stopped.
func (h *host) forget(u *unit, err error) {
	delete(h.units, u.spec.Group)
	if h.names[unitName(u.spec.Name)] == u {
		delete(h.names, unitName(u.spec.Name))
	}
	for _, s := range u.stops {
		s.ReplyTo.Tell(Stopped{Group: s.Group, Token: s.Token, Err: err})
	}
}

// failed hears that a unit panicked. It has answered, or kit has, whoever waited for it.
func (h *host) failed(m kit.ChildFailed) {
	u := h.names[m.Who.Name()]
	if u == nil {
		return // a link, or the server: see terminated
	}
	u.cause = asError(m.Reason)
	if u.state == Running {
		u.state = Failed
	}
}

// terminated hears that the actors of a unit are gone, after failed or because of a Stop.
func (h *host) terminated(c *kit.Context, m kit.Terminated) {
	u := h.names[m.Who.Name()]
	if u == nil {
		h.networkTerminated(c, m.Who)
		return
	}
	u.gone = true
	h.routes.drop(u.spec.Group)
	h.sleep(u)
	if u.state == Stopping {
		h.finishStop(c, u)
		return
	}
	wait, again := u.repair(c.Now())
	if !again {
		h.giveUp(c, u)
		return
	}
	u.state = Waiting
	c.Log().Warn().Err(u.cause).Uint64("group", uint64(u.spec.Group)).Str("name", u.spec.Name).Dur("wait", wait).
		Msg("raft group failed, rebuilding it")
	c.After(wait, rebuild{u.spec.Group, u.incarnation})
}

func (h *host) giveUp(c *kit.Context, u *unit) {
	u.state = GivenUp
	c.Log().Error().Err(u.cause).Uint64("group", uint64(u.spec.Group)).Str("name", u.spec.Name).
		Msg("raft group is offline")
	u.spec.Events.Tell(Offline{Group: u.spec.Group, Err: u.cause})
	h.tellPeers(offlineNotice(u.spec.Group, u.spec.Replica))
}

func (h *host) rebuild(c *kit.Context, m rebuild) {
	if u := h.units[m.group]; u != nil && u.state == Waiting && u.incarnation == m.incarnation {
		h.spawn(c, u, true)
	}
}

// deliver takes messages that no route was found for: the group has just been started, or is about to be.
func (h *host) deliver(c *kit.Context, m Deliver) {
	switch u := h.units[m.Group]; {
	case u == nil:
		h.early.keep(m, c.Now())
	case u.state == Running:
		u.address.Tell(group.Step{Messages: m.Messages})
	}
}

func (h *host) describe() []GroupStatus {
	groups := make([]GroupStatus, 0, len(h.units))
	for id, u := range h.units {
		s := GroupStatus{
			Group: id, Name: u.spec.Name, Replica: u.spec.Replica, State: u.state, Incarnation: u.incarnation,
			Awake: u.awake, Err: u.cause,
		}
		if u.status != nil {
			s.StatusView = u.status.View()
		}
		groups = append(groups, s)
	}
	slices.SortFunc(groups, func(a, b GroupStatus) int { return cmp.Compare(a.Group, b.Group) })
	return groups
}

// onStopping answers everybody who waits for this host, but for the one whose message made it fail.
func (h *host) onStopping(c *kit.Context) {
	stop, _ := c.Failed().(Stop)
	for _, u := range h.units {
		for _, m := range u.stops {
			if m.Group != stop.Group || m.Token != stop.Token || !m.ReplyTo.Equal(stop.ReplyTo) {
				m.Refuse(kit.ErrStopped)
			}
		}
	}
	h.abandonResigning(c.Failed())
}
