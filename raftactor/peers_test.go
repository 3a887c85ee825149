package raftactor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// peers is three hosts in one system, with links that lose nothing unless they are cut.
type peers struct {
	*world
	hosts [3]kit.Address
	cores [3]kit.Address
	cut   [3]bool
	seen  [3]*machine
}

func newPeers(t *testing.T) *peers {
	p := &peers{world: plainWorld(t)}
	for i := range p.hosts {
		log, err := wal.Open(vfs.NewMem(), "/wal", wal.Options{FileBytes: 16 << 10})
		if err != nil {
			t.Fatal(err)
		}
		spec := walactor.Spec(walactor.Config{WAL: log, Log: zerolog.Nop()})
		p.hosts[i] = p.parent.Spawn(t, fmt.Sprintf("raft-%d", i), HostSpec(Config{
			WAL: p.parent.Spawn(t, fmt.Sprintf("wal-%d", i), spec), Log: zerolog.Nop(),
			NodeOf: func(replica uint64) int32 { return int32(replica) },
			test: &testNetwork{
				links: kit.AddressFor("links", func(m any) { p.send(i, m.(group.Send)) }),
				alive: func(node int32) bool { return !p.cut[i] && !p.cut[node-1] },
				notice: func(body []byte) {
					for to := range p.hosts {
						if to != i && len(body) == offlineBytes {
							p.hosts[to].Tell(link.Noticed{From: int32(i + 1), Service: link.ServiceGroups, Body: body})
						}
					}
				},
			},
		}))
	}
	for i := range p.hosts {
		p.startReplica(i)
	}
	return p
}

// startReplica starts the replica with id i+1.
func (p *peers) startReplica(i int) {
	spec := p.spec(wal.GroupID(100 + i)) // a machine and events of its own
	open := spec.Open
	spec.Open = func(state []byte, rebuild bool) (machine applier.Machine, err error) {
		machine, err = open(state, rebuild)
		p.seen[i] = p.machines[wal.GroupID(100+i)]
		return machine, err
	}
	spec.Group, spec.Name, spec.Replica, spec.Voters = 1, "g", uint64(i+1), []uint64{1, 2, 3}
	p.cores[i] = ask[Started](p.world, func(replyTo kit.Address) {
		p.hosts[i].Tell(Start{Spec: spec, ReplyTo: replyTo})
	}).Core
}

func (p *peers) send(from int, m group.Send) {
	for _, one := range m.Messages {
		to := one.GetTo() - 1
		if !p.cut[from] && !p.cut[to] {
			p.hosts[to].Tell(Deliver{Group: m.Group, Messages: []*raftpb.Message{one}})
		}
	}
}

// leader returns the one replica that is ready; the world runs until there is one.
func (p *peers) leader() int {
	p.t.Helper()
	for range 100 {
		ready := -1
		for i := range p.hosts {
			s := p.status(i)
			if s.Ready && !p.cut[i] {
				if ready >= 0 {
					p.t.Fatalf("replicas %d and %d both lead", ready, i)
				}
				ready = i
			}
		}
		if ready >= 0 {
			return ready
		}
		p.Advance(500 * time.Millisecond)
	}
	p.t.Fatal("got no leader")
	return -1
}

func (p *peers) status(i int) GroupStatus {
	p.t.Helper()
	all := ask[Described](p.world, func(replyTo kit.Address) { p.hosts[i].Tell(Describe{ReplyTo: replyTo}) })
	if len(all.Groups) == 0 {
		return GroupStatus{}
	}
	return all.Groups[0]
}

func (p *peers) mustPropose(i int, request string) {
	p.t.Helper()
	p.world.cores[1] = p.cores[i]
	p.must(1, request)
}

func (p *peers) awake() (n int) {
	for i := range p.hosts {
		if p.status(i).Awake {
			n++
		}
	}
	return n
}

func TestThreeHostsReplicateAndFallAsleep(t *testing.T) {
	p := newPeers(t)
	first := p.leader()
	for i := range 10 {
		p.mustPropose(first, fmt.Sprintf("r%d", i))
	}
	p.Advance(3 * time.Second)
	for i, m := range p.seen {
		if len(m.lines) != 10 {
			t.Errorf("replica %d applied %v, want 10", i, m.lines)
		}
	}
	if n := p.awake(); n != 0 {
		t.Fatalf("got %d awake replicas, want all asleep", n)
	}
	p.Record()
	p.Advance(time.Hour)
	for _, line := range p.Trace() {
		if line != "root/janitor janitor.look" {
			t.Fatalf("got %q in an idle hour", line)
		}
	}
	// Traffic wakes the group, and it falls asleep again.
	p.mustPropose(first, "more")
	p.Advance(3 * time.Second)
	if n := p.awake(); n != 0 {
		t.Fatalf("got %d awake replicas, want all asleep", n)
	}
}

func TestASleepingGroupFindsANewLeaderWhenANodeGoesDown(t *testing.T) {
	p := newPeers(t)
	first := p.leader()
	p.mustPropose(first, "a")
	p.Advance(3 * time.Second)
	p.cut[first] = true
	for i, core := range p.cores {
		if i != first {
			core.Tell(group.NodeChanged{Node: int32(first + 1)})
		}
	}
	second := p.leader()
	p.mustPropose(second, "b")
	// The old leader does not know yet, and does not acknowledge anything.
	p.world.cores[1] = p.cores[first]
	token := p.propose(1, "from the old leader")
	p.Advance(5 * time.Second)
	if answer, answered := p.answers[token]; answered && answer.Err == nil {
		t.Fatalf("got %+v from a leader that is cut off", answer)
	}
	p.cut[first] = false
	for i, core := range p.cores {
		for node := range p.cores {
			if node != i {
				core.Tell(group.NodeChanged{Node: int32(node + 1)})
			}
		}
	}
	p.Advance(5 * time.Second)
	if answer := p.answers[token]; answer.Err == nil {
		t.Fatalf("got %+v, want an error: the proposal was overwritten", answer)
	}
	for i, m := range p.seen {
		if len(m.lines) != 2 || m.lines[1] != "b" {
			t.Errorf("replica %d applied %v, want a, b", i, m.lines)
		}
	}
}

// The node of a replica that was given up can be reached as before, and the others sleep: they have to be
// told that they have no leader.
func TestASleepingGroupFindsANewLeaderWhenOneIsGivenUp(t *testing.T) {
	p := newPeers(t)
	first := p.leader()
	p.mustPropose(first, "a")
	p.Advance(3 * time.Second)
	if n := p.awake(); n != 0 {
		t.Fatalf("got %d awake replicas, want all asleep", n)
	}
	p.fail = func(at string) {
		if at == "prepare" { // runs on the leader alone; it is not built again after this error
			panic(&group.StateError{Group: 1, Problem: "for a test"})
		}
	}
	p.world.cores[1] = p.cores[first]
	p.propose(1, "x")
	p.Advance(time.Minute)
	p.fail = func(string) {}
	if s := p.status(first); s.State != GivenUp {
		t.Fatalf("got %+v, want it given up", s)
	}
	second := p.leader()
	if second == first {
		t.Fatal("got the leader that was given up")
	}
	p.mustPropose(second, "b")
}

// Whoever waits for the host hears of it when the host goes: a node that stops would wait until its time is
// up.
func TestWhoWaitsIsAnsweredWhenTheHostGoes(t *testing.T) {
	p := newPeers(t)
	first := p.leader()
	p.cut[first] = true
	var answers []any
	asker := kit.AddressFor("asker", func(m any) { answers = append(answers, m) })
	p.hosts[first].Tell(Resign{Within: time.Hour, ReplyTo: asker, Token: 4})
	p.Run()
	if len(answers) != 0 {
		t.Fatalf("got %+v while the group leads", answers)
	}
	p.System.Stop(p.hosts[first])
	p.Run()
	if len(answers) != 1 {
		t.Fatalf("got %+v, want one answer", answers)
	}
	if m, is := answers[0].(Resigned); !is || m.Token != 4 || !errors.Is(m.Err, kit.ErrStopped) {
		t.Errorf("got %+v, want that the host has stopped", answers[0])
	}
}
