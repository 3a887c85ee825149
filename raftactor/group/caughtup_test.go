package group

import (
	"testing"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/raftactor/applier"
)

// TestNobodyHasCaughtUpBeforeTheMachineIsOpen: what the checkpoint holds counts as applied from the start, but
// there is nothing to see of it yet. Whoever believed it would take everything for deleted.
func TestNobodyHasCaughtUpBeforeTheMachineIsOpen(t *testing.T) {
	var d disk
	u, err := bootstrap(1, []uint64{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	d.write(u)
	core, err := NewCore(CoreConfig{Group: 1, Replica: 1, Incarnation: 1, Log: quietLogger{}}, d.load())
	if err != nil {
		t.Fatal(err)
	}
	core.election.resigned = true
	hasCaughtUp := func() (told bool) {
		for e := core.Effects(); e != nil; e = core.Effects() {
			told = told || e.CaughtUp
			core.Done()
		}
		return told
	}
	hasCaughtUp()
	core.Step(&raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(1)),
		LogTerm: new(uint64(1)), Index: new(uint64(1)), Commit: new(uint64(1)),
	})
	if hasCaughtUp() {
		t.Fatal("got caught up, want to wait for the machine")
	}
	core.Applied(applier.Applied{Incarnation: 1, Index: 1})
	if !hasCaughtUp() {
		t.Fatal("got nothing, want caught up once the machine is open")
	}
}
