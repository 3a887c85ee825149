package metadata

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/datadir"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// cluster is several metadata actors on real Raft groups, write-ahead logs and data directories, in one
// process: what the test plays are the links and the host of the groups. Time is virtual and the order of
// everything comes from a seed. The only goroutines are those that fetch the state of another replica.
type cluster struct {
	t          *testing.T
	world      *kittest.Seeded
	rng        *rand.Rand
	reach      sync.RWMutex // guards nodes, cut and who is running: fetches look from goroutines of their own
	nodes      map[int32]*member
	cut        map[[2]int32]bool
	configured []int32
	lives      int // makes names of actors unique
	calls      map[uint64]openCall
	lastCall   uint64
	token      uint64
}

// member is one life of a node.
type member struct {
	*cluster
	id       int32
	fs       *vfs.Mem
	dir      *datadir.Dir
	running  bool
	current  *Current
	raft     kit.Address
	janitor  kit.Address
	metadata kit.Address
	host     *fakeHost
	asker    *kittest.Probe
	parent   *kittest.Probe
}

type openCall struct {
	from, to int32
	call     link.Call
}

// inCluster runs a test with the nodes that are configured, in a bubble in which goroutines can be waited for.
func inCluster(t *testing.T, seed uint64, configured []int32, test func(*cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&cluster{
			t: t, world: kittest.NewSeeded(t, seed), rng: rand.New(rand.NewPCG(seed, 3)),
			nodes: map[int32]*member{}, cut: map[[2]int32]bool{}, configured: configured,
			calls: map[uint64]openCall{},
		})
	})
}

// start starts a node on its disk, or on an empty one if it has none.
func (w *cluster) start(id int32) *member {
	w.t.Helper()
	fs := vfs.NewMem()
	if old := w.nodes[id]; old != nil {
		fs = old.fs
	}
	return w.startOn(id, fs)
}

func (w *cluster) startOn(id int32, fs *vfs.Mem) *member {
	w.t.Helper()
	w.lives++
	dir, err := datadir.Open(fs, "data", id)
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := wal.Open(fs, "data/wal", wal.Options{FileBytes: 64 << 10, Incarnation: w.rng.Uint64})
	if err != nil {
		w.t.Fatal(err)
	}
	logger := zerolog.New(zerolog.NewTestWriter(w.t)).Level(zerolog.ErrorLevel)
	name := func(kind string) string { return fmt.Sprintf("%s-%d-%d", kind, id, w.lives) }
	m := &member{cluster: w, id: id, fs: fs, dir: dir, running: true, current: NewCurrent()}
	m.parent = kittest.NewProbe(w.world.System, name("broker"))
	m.asker = kittest.NewProbe(w.world.System, name("asker"))
	walAddress := w.world.System.Spawn(name("wal"), walactor.Spec(walactor.Config{Log: logger, WAL: log}))
	m.janitor = w.world.System.Spawn(name("janitor"), janitor.Spec(janitor.Config{
		Log: logger, WAL: walAddress, Space: janitor.NewSpace(fs, "data"),
	}))
	m.host = &fakeHost{member: m, wal: walAddress}
	m.raft = w.world.System.Spawn(name("raft"), kit.Spec{New: func() kit.Actor { return m.host }, Log: &logger})
	directory, err := image.ParseTopicID(dir.ID())
	if err != nil {
		w.t.Fatal(err)
	}
	endpoints := []image.Endpoint{{Listener: "PLAINTEXT", Host: "localhost", Port: 9090 + id}}
	later := w.rng.IntN(2) == 0 // the listener is bound after the actor is there
	if later {
		endpoints = nil
	}
	spec, err := Spec(Options{
		NodeID: id, Directory: directory, ClusterID: dir.ClusterID(), Endpoints: endpoints,
		FS: fs, Dir: "data/metadata", Raft: m.raft, Current: m.current,
		Random: rand.NewChaCha8([32]byte{byte(w.rng.Uint32()), byte(w.lives)}), Log: logger,
		Peers: m, Identity: dir, Configured: w.configured, RaftAddress: fmt.Sprintf("localhost:%d", id),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	m.metadata = m.parent.Spawn(w.t, "metadata", spec)
	w.reach.Lock()
	w.nodes[id] = m
	w.reach.Unlock()
	if later {
		for range w.rng.IntN(20) {
			w.world.Step()
		}
		m.metadata.Tell(Announce{Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "localhost", Port: 9090 + id}}})
	}
	for _, other := range w.others(id) {
		w.linked(id, other)
	}
	return m
}

// others returns the running nodes besides one, ascending.
func (w *cluster) others(id int32) []int32 {
	var others []int32
	for node, m := range w.nodes {
		if node != id && m.running {
			others = append(others, node)
		}
	}
	slices.Sort(others)
	return others
}

func (w *cluster) alive(a, b int32) bool {
	w.reach.RLock()
	defer w.reach.RUnlock()
	return w.nodes[a] != nil && w.nodes[b] != nil && w.nodes[a].running && w.nodes[b].running &&
		!w.cut[[2]int32{a, b}] && !w.cut[[2]int32{b, a}]
}

// linked tells two nodes that their links are up.
func (w *cluster) linked(a, b int32) {
	for _, pair := range [][2]int32{{a, b}, {b, a}} {
		if from := w.nodes[pair[0]]; w.alive(a, b) {
			from.raft.Tell(link.Up{Node: pair[1], Hello: w.nodes[pair[1]].hello()})
		}
	}
}

// unlinked tells two nodes that their links are down, and those who wait for answers.
func (w *cluster) unlinked(a, b int32) {
	for _, pair := range [][2]int32{{a, b}, {b, a}} {
		if from := w.nodes[pair[0]]; from.running {
			from.raft.Tell(link.Down{Node: pair[1]})
		}
	}
	for token, open := range w.calls {
		if open.from == a && open.to == b || open.from == b && open.to == a {
			delete(w.calls, token)
			open.call.ReplyTo.Tell(link.Returned{Token: open.call.Token, Err: link.ErrLost})
		}
	}
}

// crash takes the power from a node: what was not synced is lost.
func (w *cluster) crash(id int32) {
	m := w.nodes[id]
	m.fs = m.fs.CrashClone(w.rng)
	m.halt()
}

// wipe takes a node and its disk away.
func (w *cluster) wipe(id int32) {
	m := w.nodes[id]
	m.fs = vfs.NewMem()
	m.halt()
}

// halt makes a node silent. Its actors stay, and write to a disk that nobody looks at any more.
func (m *member) halt() {
	m.reach.Lock()
	m.running = false
	m.reach.Unlock()
	for _, other := range m.others(m.id) {
		m.unlinked(m.id, other)
	}
}

// separate cuts the links between two nodes, or mends them.
func (w *cluster) separate(a, b int32, cut bool) {
	if cut {
		w.reach.Lock()
		w.cut[[2]int32{a, b}] = true
		w.reach.Unlock()
		w.unlinked(a, b)
		return
	}
	w.reach.Lock()
	delete(w.cut, [2]int32{a, b})
	w.reach.Unlock()
	w.linked(a, b)
}

// settle runs what there is to do now.
func (w *cluster) settle() {
	for {
		w.world.Run()
		synctest.Wait() // for who fetches the state of another replica
		if !w.world.Step() {
			return
		}
	}
}

// advance moves the time, and lets everything happen on the way.
func (w *cluster) advance(d time.Duration) {
	const step = 5 * time.Millisecond
	w.settle()
	for ; d > 0; d -= step {
		w.world.Clock.Advance(min(d, step))
		w.settle()
	}
}

// eventually lets time pass until a condition holds, and returns how long it took.
func (w *cluster) eventually(within time.Duration, what string, holds func() bool) time.Duration {
	w.t.Helper()
	w.settle()
	begin := w.world.Clock.Now()
	for !holds() {
		if w.world.Clock.Now().Sub(begin) >= within {
			w.t.Fatalf("%s: not within %v\n%s", what, within, w.report())
		}
		w.advance(5 * time.Millisecond)
	}
	return w.world.Clock.Now().Sub(begin)
}

// report says how the nodes stand, for a test that fails.
func (w *cluster) report() string {
	text := ""
	for _, id := range []int32{1, 2, 3, 4, 5} {
		if m := w.nodes[id]; m != nil {
			i := m.current.Image()
			text += fmt.Sprintf("node %d: running %v, controller %d, cluster %q, version %d, brokers %d, replica %x, "+
				"founders %v, wanted %+v\n", id, m.running, m.current.Controller(), i.ClusterID(), i.Version(),
				len(i.Brokers()), m.host.replica, m.dir.Founders(), members(i))
		}
	}
	return text
}

// formed tells whether the nodes agree on one cluster with exactly these brokers.
func (w *cluster) formed(ids ...int32) bool {
	first := w.nodes[ids[0]].current
	for _, id := range ids {
		m := w.nodes[id]
		i := m.current.Image()
		if i.ClusterID() == "" || i.ClusterID() != first.Image().ClusterID() || len(i.Brokers()) < len(ids) ||
			m.current.Controller() == NoController || m.current.Controller() != first.Controller() {
			return false
		}
		for _, other := range ids {
			broker := i.Broker(other)
			if broker == nil || image.TopicID(broker.Directory).String() != w.nodes[other].dir.ID() {
				return false
			}
		}
	}
	return true
}

// voters returns the voters of the metadata log as a node knows them from its group.
func (m *member) voters() []uint64 {
	m.token++
	answers := kittest.NewProbe(m.world.System, fmt.Sprint("voters-", m.token))
	m.raft.Child("group-meta").Tell(group.DescribeMembers{ReplyTo: answers.Address})
	m.settle()
	var voters []uint64
	for _, message := range answers.All() {
		for _, one := range message.(group.MembersDescribed).Members {
			if !one.Learner {
				voters = append(voters, one.Replica)
			}
		}
	}
	slices.Sort(voters)
	return voters
}

// Alive implements Peers.
func (m *member) Alive(node int32) bool { return node == m.id || m.alive(m.id, node) }

// Hello implements Peers.
func (m *member) Hello(node int32) (link.Hello, bool) {
	if !m.alive(m.id, node) {
		return link.Hello{}, false
	}
	return m.nodes[node].hello(), true
}

func (m *member) hello() link.Hello { return link.Hello{Node: m.id, Directory: m.dir.ID()} }

// Nodes implements Peers.
func (m *member) Nodes() []int32 {
	nodes := m.others(m.id)
	return slices.DeleteFunc(nodes, func(node int32) bool { return !m.alive(m.id, node) })
}

// Link implements Peers.
func (m *member) Link(node int32) kit.Address {
	return kit.AddressFor(fmt.Sprint("link-", node), func(message any) {
		if !m.running {
			return // what the dead say, nobody hears
		}
		switch q := message.(type) {
		case link.Notice:
			if m.alive(m.id, node) {
				m.nodes[node].metadata.Tell(link.Noticed{From: m.id, Service: q.Service, Body: q.Body})
			}
		case link.Call:
			if !m.alive(m.id, node) {
				q.ReplyTo.Tell(link.Returned{Token: q.Token, Err: link.ErrDown})
				return
			}
			m.call(node, q)
		}
	})
}

func (m *member) call(node int32, q link.Call) {
	m.lastCall++
	number := m.lastCall
	m.calls[number] = openCall{m.id, node, q}
	m.nodes[node].metadata.Tell(link.Incoming{
		From: m.id, Service: q.Service, Body: q.Body, Token: number,
		ReplyTo: kit.AddressFor("answer", func(message any) {
			answer := message.(link.Answer)
			open, waits := m.calls[answer.Token]
			if !waits || answer.Token != number {
				return // the link went down
			}
			delete(m.calls, number)
			open.call.ReplyTo.Tell(link.Returned{Token: open.call.Token, Body: answer.Body, Err: answer.Err})
		}),
	})
}

// fakeHost runs the one group of the metadata log.
type fakeHost struct {
	*member
	wal        kit.Address
	core       kit.Address
	replica    uint64
	subscriber kit.Address
	ticker     kit.Timer
	peers      []raftactor.Peer
	elections  int // that this replica has won
	highest    uint64
}

type beat struct{}

// Receive implements kit.Actor.
func (h *fakeHost) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case raftactor.Start:
		h.begin(c, m)
	case raftactor.Subscribe:
		h.subscriber = m.Who
		for _, node := range h.Nodes() {
			m.Who.Tell(link.Up{Node: node})
		}
	case raftactor.SetPeers:
		h.peers = m.Peers
	case group.Awake:
		if h.ticker != nil {
			h.ticker.Stop()
			h.ticker = nil
		}
		if m.Awake {
			h.ticker = c.Every(group.TickEvery, beat{})
		}
	case beat:
		h.core.Tell(group.Tick{})
	case link.Up:
		h.core.Tell(group.NodeChanged{Node: m.Node})
		h.subscriber.Tell(m)
	case link.Down:
		h.core.Tell(group.NodeChanged{Node: m.Node})
		h.subscriber.Tell(m)
	}
}

func (h *fakeHost) begin(c *kit.Context, m raftactor.Start) {
	if !h.core.IsZero() {
		m.Refuse(raftactor.ErrExists)
		return
	}
	h.replica = m.Replica
	wanted := new(atomic.Pointer[group.Want])
	if m.Preferred != 0 {
		wanted.Store(&group.Want{Preferred: m.Preferred})
	}
	h.core = c.Spawn("group-"+m.Name, group.Spec(group.Config{
		Group: m.Group, Name: m.Name, Replica: m.Replica, Voters: m.Voters, Incarnation: 1, Open: m.Open,
		Events: h.events(m.Events), WAL: h.wal, Janitor: h.janitor, Links: kit.AddressFor("links", h.send),
		Status: new(group.Status), NodeOf: func(replica uint64) int32 { return int32(replica >> 32) },
		Alive: h.Alive, Fetch: h.fetch, Slots: kit.NewBudget(4), Tails: group.NewTailBudget(1 << 20), Wanted: wanted,
	}))
	m.ReplyTo.Tell(raftactor.Started{Group: m.Group, Core: h.core, Token: m.Token})
}

// events counts the elections that this replica wins.
func (h *fakeHost) events(to kit.Address) kit.Address {
	return kit.AddressFor("events", func(message any) {
		if m, is := message.(group.LeaderChanged); is && m.Ready && m.Leader == h.replica && m.Term > h.highest {
			h.elections++
			h.highest = m.Term
		}
		to.Tell(message)
	})
}

func (h *fakeHost) send(message any) {
	m := message.(group.Send)
	for n, one := range m.Messages {
		node := int32(one.GetTo() >> 32)
		if !h.running || !h.alive(h.id, node) {
			m.From.Tell(group.Unreachable{Replica: one.GetTo()})
			continue
		}
		if to := h.nodes[node].host; !to.core.IsZero() {
			to.core.Tell(group.Step{Messages: m.Messages[n : n+1 : n+1]})
		}
	}
}

// fetch opens the state of the replica on another node.
func (h *fakeHost) fetch(
	ctx context.Context, node int32, _ wal.GroupID, have []byte,
) (applier.Source, error) {
	h.reach.RLock()
	running, from := h.running, h.nodes[node]
	h.reach.RUnlock()
	if !running || !h.alive(h.id, node) {
		return nil, link.ErrDown
	}
	answers := make(chan applier.Shared, 1)
	from.host.core.Tell(applier.Share{Have: have, ReplyTo: kit.AddressFor("share", func(message any) {
		answers <- message.(applier.Shared)
	})})
	select {
	case m := <-answers:
		if m.Err != nil {
			return nil, m.Err
		}
		return catchup.Headed(m), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ask begins a change on a node.
func (m *member) ask(request any) uint64 {
	m.token++
	m.metadata.Tell(Submit{Request: request, Timeout: 10 * time.Second, ReplyTo: m.asker.Address, Token: m.token})
	return m.token
}

// do makes a change through a node.
func (m *member) do(request any) (image.Event, error) {
	m.t.Helper()
	token := m.ask(request)
	var answer *Submitted
	m.eventually(11*time.Second, fmt.Sprintf("%T", request), func() bool {
		for _, message := range m.asker.All() {
			if got, is := message.(Submitted); is && got.Token == token {
				answer = &got
			}
		}
		return answer != nil
	})
	return answer.Event, answer.Err
}
