package raftactor

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0: a new one")

func newSeed(t testing.TB) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return seed
}

// world is a host with its write-ahead log and janitor on a disk in memory, run in an order that a seed
// decides. Its machines fail when the test tells them to.
type world struct {
	*kittest.Seeded
	t      *testing.T
	disk   *vfs.Mem
	parent *kittest.Probe
	wal    kit.Address
	tidy   kit.Address // the janitor
	host   kit.Address
	fail   func(where string) // called at every place where a machine may fail
	wrap   func(kit.Spec) kit.Spec

	token    uint64
	open     map[uint64]string         // requests without an answer
	answers  map[uint64]group.Proposed // by token
	requests map[uint64]string
	machines map[wal.GroupID]*machine
	opens    map[wal.GroupID][]bool // the rebuild flags of all opens
	events   map[wal.GroupID][]any
	cores    map[wal.GroupID]kit.Address
}

func newWorld(t *testing.T, seed uint64, disk *vfs.Mem, wrap func(kit.Spec) kit.Spec) *world {
	w := &world{
		Seeded: kittest.NewSeeded(t, seed), t: t, disk: disk, fail: func(string) {}, wrap: wrap,
		open: map[uint64]string{}, answers: map[uint64]group.Proposed{}, requests: map[uint64]string{},
		machines: map[wal.GroupID]*machine{}, opens: map[wal.GroupID][]bool{},
		events: map[wal.GroupID][]any{}, cores: map[wal.GroupID]kit.Address{},
	}
	log, err := wal.Open(disk, "/wal", wal.Options{FileBytes: 16 << 10, Incarnation: w.Random().Uint64})
	if err != nil {
		t.Fatal(err)
	}
	w.parent = kittest.NewProbe(w.System, "root")
	w.wal = w.parent.Spawn(t, "wal", walactor.Spec(walactor.Config{WAL: log, Log: zerolog.Nop()}))
	w.tidy = w.parent.Spawn(t, "janitor", janitor.Spec(janitor.Config{
		WAL: w.wal, Space: janitor.NewSpace(disk, "/"), CheckpointBytes: 48 << 10, Log: zerolog.Nop(),
	}))
	h := newHost(Config{WAL: w.wal, Janitor: w.tidy, Log: zerolog.Nop()})
	h.wrap = wrap
	w.host = w.parent.Spawn(t, "raft", kit.Spec{New: func() kit.Actor { return h }, Log: kittest.NoLog})
	w.Run()
	return w
}

// start starts a group of one voter.
func (w *world) start(id wal.GroupID) {
	w.t.Helper()
	started := ask[Started](w, func(replyTo kit.Address) {
		w.host.Tell(Start{Spec: w.spec(id), ReplyTo: replyTo, Token: uint64(id)})
	})
	if started.Err != nil || started.Group != id || started.Token != uint64(id) {
		w.t.Fatalf("got %+v, want the group to start", started)
	}
	w.cores[id] = started.Core
}

func (w *world) spec(id wal.GroupID) Spec {
	return Spec{
		Group: id, Name: fmt.Sprintf("g-%d", id), Replica: 7, Voters: []uint64{7},
		Open:   func(state []byte, rebuild bool) (applier.Machine, error) { return w.openMachine(id, state, rebuild) },
		Events: kit.AddressFor("events", func(m any) { w.events[id] = append(w.events[id], m) }),
	}
}

// ask runs the world until an answer is there.
func ask[T any](w *world, tell func(replyTo kit.Address)) T {
	w.t.Helper()
	var answers []any
	tell(kit.AddressFor("asker", func(m any) { answers = append(answers, m) }))
	w.Run()
	if len(answers) != 1 {
		w.t.Fatalf("got answers %+v, want one", answers)
	}
	answer, ok := answers[0].(T)
	if !ok {
		w.t.Fatalf("got %T, want %T", answers[0], answer)
	}
	return answer
}

func (w *world) stop(id wal.GroupID, remove bool) {
	w.t.Helper()
	stopped := ask[Stopped](w, func(replyTo kit.Address) {
		w.host.Tell(Stop{Group: id, Remove: remove, ReplyTo: replyTo, Token: 5})
	})
	if stopped.Err != nil || stopped.Group != id || stopped.Token != 5 {
		w.t.Fatalf("got %+v, want the group stopped", stopped)
	}
	if m := w.machines[id]; m != nil {
		w.t.Fatalf("machine of group %d is still open", id)
	}
}

func (w *world) describe() []GroupStatus {
	w.t.Helper()
	return ask[Described](w, func(replyTo kit.Address) { w.host.Tell(Describe{ReplyTo: replyTo}) }).Groups
}

// load returns what the write-ahead log knows of a group.
func (w *world) load(id wal.GroupID) walactor.Loaded {
	w.t.Helper()
	return ask[walactor.Loaded](w, func(replyTo kit.Address) {
		w.wal.Tell(walactor.Load{Group: id, ReplyTo: replyTo})
	})
}

// propose sends a request and notes that an answer is owed. It does not run the world.
func (w *world) propose(id wal.GroupID, request string) uint64 {
	w.token++
	token := w.token
	w.open[token], w.requests[token] = request, request
	w.cores[id].Tell(group.Propose{Request: request, Token: token, ReplyTo: kit.AddressFor("client", func(m any) {
		answer := m.(group.Proposed)
		if _, owed := w.open[answer.Token]; !owed || answer.Token != token {
			w.t.Errorf("got a second answer to %d: %+v", answer.Token, answer)
		}
		delete(w.open, token)
		w.answers[token] = answer
	})})
	return token
}

// must proposes, runs the world and returns the result.
func (w *world) must(id wal.GroupID, request string) any {
	w.t.Helper()
	token := w.propose(id, request)
	w.Run()
	answer, answered := w.answers[token]
	if !answered || answer.Err != nil {
		w.t.Fatalf("%s: got %+v, answered: %t, want a result", request, answer, answered)
	}
	return answer.Result
}

// crashMessage makes raft panic: no peer can know of a commit beyond what it has sent.
func crashMessage() group.Step {
	return group.Step{Messages: []*raftpb.Message{{
		Type: raftpb.MsgHeartbeat.Enum(), From: new(uint64(9)), To: new(uint64(7)),
		Term: new(uint64(1 << 40)), Commit: new(uint64(1 << 40)),
	}}}
}

// machine remembers what was applied, one line each. A checkpoint is all of them.
type machine struct {
	world   *world
	group   wal.GroupID
	lines   []string
	closed  bool
	checked string // the state that is the checkpoint
}

var errDisk = errors.New("disk is broken")

func (w *world) openMachine(id wal.GroupID, state []byte, rebuild bool) (applier.Machine, error) {
	if w.machines[id] != nil {
		w.t.Errorf("machine of group %d is opened twice", id)
	}
	w.opens[id] = append(w.opens[id], rebuild)
	m := &machine{world: w, group: id}
	if len(state) > 0 {
		m.lines = strings.Split(string(state), "\n")
	}
	w.fail("open")
	w.machines[id] = m
	return m, nil
}

func (m *machine) Apply(entries []applier.Entry) ([]any, error) {
	m.world.fail("before apply")
	results := make([]any, len(entries))
	for i, e := range entries {
		var number int
		var request string
		if _, err := fmt.Sscanf(string(e.Data), "%d:%s", &number, &request); err != nil || number != len(m.lines) {
			m.world.t.Errorf("group %d applied %q as number %d", m.group, e.Data, len(m.lines))
		}
		m.lines = append(m.lines, request)
		results[i] = number
	}
	if strings.HasPrefix(m.lines[len(m.lines)-1], "bad-disk") && len(m.world.opens[m.group]) < 3 {
		return nil, errDisk
	}
	m.world.fail("after apply")
	return results, nil
}

func (m *machine) Lead(uint64) applier.Preparer {
	m.world.fail("lead")
	return &preparer{world: m.world, next: len(m.lines)}
}

func (m *machine) Capture() (func() ([]byte, error), error) {
	m.world.fail("capture")
	state := strings.Join(m.lines, "\n")
	return func() ([]byte, error) { return []byte(state), nil }, nil
}

func (m *machine) Checkpointed(state []byte) {
	m.world.fail("checkpointed")
	m.checked = string(state)
}

func (m *machine) Close() {
	if m.closed {
		m.world.t.Errorf("machine of group %d is closed twice", m.group)
	}
	m.closed = true
	delete(m.world.machines, m.group)
}

type preparer struct {
	world *world
	next  int
}

func (p *preparer) Prepare(request any) applier.Prepared {
	p.world.fail("prepare")
	text := request.(string)
	if strings.HasPrefix(text, "wait") {
		return applier.Prepared{Wait: true, Answer: p.next}
	}
	p.next++
	return applier.Prepared{Data: fmt.Appendf(nil, "%d:%s", p.next-1, text)}
}
