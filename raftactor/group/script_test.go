package group

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/storage/wal"
)

// TestScripts runs the text scripts in testdata: each command drives cores, and its output is what they
// want done. Run with -rewrite to accept the present output.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{replicas: map[uint64]*replica{}, leaders: map[uint64]uint64{}, down: map[int32]bool{}}
		datadriven.RunTest(t, path, s.command)
	})
}

type script struct {
	replicas map[uint64]*replica
	voters   []uint64
	leaders  map[uint64]uint64
	stand    bool           // replicas stand for election by themselves
	down     map[int32]bool // nodes
	token    uint64
	trace    strings.Builder
}

func (s *script) command(t *testing.T, d *datadriven.TestData) string {
	s.trace.Reset()
	r := s.target(t, d)
	func() {
		defer func() {
			if reason := recover(); reason != nil {
				fmt.Fprintf(&s.trace, "panic: %v\n", reason)
			}
		}()
		s.run(t, d, r)
	}()
	if s.trace.Len() == 0 {
		return "ok"
	}
	return strings.ReplaceAll(s.trace.String(), "\u00a0", " ") // protobuf makes its errors vary
}

// target returns the replica that a command is for: the one with id=, else the first.
func (s *script) target(t *testing.T, d *datadriven.TestData) *replica {
	id := uint64(1)
	if d.HasArg("id") {
		d.ScanArgs(t, "id", &id)
	}
	return s.replicas[id]
}

func (s *script) run(t *testing.T, d *datadriven.TestData, r *replica) {
	switch d.Cmd {
	case "stand": // before group: replicas stand for election by themselves
		s.stand = true
	case "node": // node 1 down, node 1 up: all others that are up hear of it
		s.node(t, d)
	case "group": // group 1 2 3: boots these voters
		s.group(t, d)
	case "propose": // one request per line
		r.core.Propose(s.requests(d.Input))
		r.run()
	case "appended": // the wal has written the oldest append
		r.appended()
	case "apply": // the applier has applied the oldest Apply
		r.apply()
	case "storage": // wal and applier work until nothing is left
		r.storage()
	case "campaign":
		r.core.Campaign()
		r.run()
	case "tick":
		s.tick(t, d, r)
	case "deliver": // the messages that the replica has sent
		s.deliver(t, d, r)
	case "step": // a message made up
		r.core.Step(s.message(t, d, r.id))
		r.run()
	case "drop":
		fmt.Fprintf(&s.trace, "dropped %d\n", len(r.outbox))
		r.outbox = nil
	case "settle": // everything that can happen without time
		s.settle()
	case "unreachable":
		var peer uint64
		d.ScanArgs(t, "peer", &peer)
		r.core.Unreachable(peer)
		r.run()
	case "crash": // the unit dies; its appends land before the next one loads
		s.crash(r)
	case "power-loss": // appends that have not been answered are lost
		r.die(errors.New("power loss"))
		r.disk.flying = nil
		s.boot(r)
	case "checkpoint":
		r.checkpoint()
		fmt.Fprintf(&s.trace, "checkpoint at %d\n", r.disk.state.Checkpoint.Index)
	case "corrupt": // changes what is durable
		s.corrupt(t, d, r)
	case "state":
		s.state(r.core)
	default:
		t.Fatalf("no command %q", d.Cmd)
	}
}

func (s *script) group(t *testing.T, d *datadriven.TestData) {
	for _, a := range d.CmdArgs {
		id, err := strconv.ParseUint(a.Key, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s.voters = append(s.voters, id)
	}
	for _, id := range s.voters {
		one := &replica{id: id, leaders: s.leaders, trace: &s.trace, resigned: !s.stand, alive: func(node int32) bool { return !s.down[node] }}
		s.replicas[id] = one
		s.boot(one)
	}
}

func (s *script) node(t *testing.T, d *datadriven.TestData) {
	changed, err := strconv.ParseInt(d.CmdArgs[0].Key, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	s.down[int32(changed)] = d.HasArg("down")
	for _, id := range s.voters {
		if id != uint64(changed) && !s.down[int32(id)] {
			s.replicas[id].core.NodeChanged(int32(changed))
			s.replicas[id].run()
		}
	}
}

func (s *script) requests(input string) (batch []Propose) {
	for line := range strings.Lines(input) {
		s.token++
		var request any = strings.TrimSpace(line)
		if request == "confirm" {
			request = Confirm{}
		}
		batch = append(batch, Propose{Request: request, Token: s.token})
	}
	return batch
}

func (s *script) tick(t *testing.T, d *datadriven.TestData, r *replica) {
	n := 1
	if d.HasArg("n") {
		d.ScanArgs(t, "n", &n)
	}
	for range n {
		r.core.Tick()
		r.run()
	}
}

// deliver delivers what a replica has sent, or what it has sent to one other.
func (s *script) deliver(t *testing.T, d *datadriven.TestData, r *replica) {
	var only uint64
	if d.HasArg("to") {
		d.ScanArgs(t, "to", &only)
	}
	sent := r.outbox
	r.outbox = nil
	for _, m := range sent {
		if only != 0 && m.GetTo() != only {
			r.outbox = append(r.outbox, m)
			continue
		}
		s.replicas[m.GetTo()].core.Step(m)
		s.replicas[m.GetTo()].run()
	}
}

func (s *script) crash(r *replica) {
	r.die(errors.New("crashed"))
	var late []uint64
	for len(r.disk.flying) > 0 {
		late = append(late, r.disk.land().Token)
	}
	s.boot(r)
	for _, token := range late {
		r.core.Appended(token)
	}
	r.run()
}

func (s *script) state(c *Core) {
	fmt.Fprintf(&s.trace, "leader=%d term=%d ready=%t last=%d handed=%d applied=%d pending=%d/%d waiters=%d\n",
		c.leader, c.term, c.preparer != nil, c.last, c.handed, c.applied,
		c.pending.count, c.pending.bytes, c.waiters.len())
	fmt.Fprintf(&s.trace, "tail: after %d/%d, %d entries; appends under way %d, applies under way %d, ticks %t\n",
		c.tail.prevTerm, c.tail.prevIndex, len(c.tail.entries), c.appends.len(), c.applies.len(), c.awake)
}

func (s *script) boot(r *replica) {
	if err := r.boot(s.voters); err != nil {
		fmt.Fprintf(&s.trace, "refused: %v\n", err)
	}
}

func (s *script) settle() {
	for busy := true; busy; {
		busy = false
		for _, id := range s.voters {
			r := s.replicas[id]
			busy = busy || len(r.disk.flying)+len(r.applies)+len(r.outbox) > 0
			for len(r.disk.flying) > 0 {
				r.appended()
			}
			for len(r.applies) > 0 {
				r.apply()
			}
			sent := r.outbox
			r.outbox = nil
			for _, m := range sent {
				s.replicas[m.GetTo()].core.Step(m)
				s.replicas[m.GetTo()].run()
			}
		}
	}
}

// corrupt tries to boot a replica on a changed state, and then boots it on the right one.
func (s *script) corrupt(t *testing.T, d *datadriven.TestData, r *replica) {
	r.die(errors.New("stopped"))
	good := r.disk.load()
	state := &r.disk.state
	switch d.CmdArgs[0].Key {
	case "term":
		state.Hard.Term = 1
	case "commit":
		state.Hard.Commit = 1000
	case "gap":
		state.Entries = append(state.Entries, wal.Entry{Term: state.Hard.Term, Index: 900})
	case "no-checkpoint":
		state.Checkpoint = wal.Checkpoint{}
	case "membership":
		state.Checkpoint.ConfState = []byte{0xff}
	case "stranger":
		r.id = 9
	default:
		t.Fatalf("no corruption %q", d.CmdArgs[0].Key)
	}
	s.boot(r)
	r.id, r.disk.state = 1, good
	s.boot(r)
}

// message makes a message from the arguments of a command.
func (s *script) message(t *testing.T, d *datadriven.TestData, to uint64) *raftpb.Message {
	var name string
	d.ScanArgs(t, "type", &name)
	kind, ok := raftpb.MessageType_value[name]
	if !ok {
		t.Fatalf("no message type %q", name)
	}
	m := &raftpb.Message{Type: raftpb.MessageType(kind).Enum(), To: &to}
	for name, field := range map[string]**uint64{
		"from": &m.From, "term": &m.Term, "index": &m.Index, "logterm": &m.LogTerm, "commit": &m.Commit,
	} {
		if d.HasArg(name) {
			*field = new(uint64)
			d.ScanArgs(t, name, *field)
		}
	}
	return m
}
