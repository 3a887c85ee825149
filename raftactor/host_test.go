package raftactor

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

func plainWorld(t *testing.T) *world { return newWorld(t, newSeed(t), vfs.NewMem(), nil) }

func TestAGroupOfOneLeadsAndApplies(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	want := []any{
		group.LeaderChanged{Group: 3, Leader: 7, Term: 2},
		group.LeaderChanged{Group: 3, Leader: 7, Term: 2, Ready: true},
		group.MembersChanged{Group: 3, Term: 2, Voters: []uint64{7}, InSync: []uint64{7}},
		group.CaughtUp{Group: 3, Term: 2},
	}
	if !reflect.DeepEqual(w.events[3], want) {
		t.Fatalf("got events %+v, want %+v", w.events[3], want)
	}
	w.cores[3].Tell(group.TellMembers{}) // somebody has not heard it
	w.Run()
	if got := w.events[3][len(w.events[3])-1]; len(w.events[3]) != len(want)+1 || !reflect.DeepEqual(got, want[2]) {
		t.Fatalf("got event %+v, want %+v again", got, want[2])
	}
	for i := range 5 {
		if got := w.must(3, fmt.Sprintf("r%d", i)); got != i {
			t.Fatalf("got result %v, want %d", got, i)
		}
	}
	s := w.describe()[0]
	if s.State != Running || s.Applied != 7 || s.Last != 7 || s.Leader != 7 || !s.Ready || !s.CaughtUp ||
		s.TailBytes != 0 || s.Awake {
		t.Fatalf("got status %+v", s)
	}
}

func TestTheLogNamesLeadersAndNothingElse(t *testing.T) {
	w := plainWorld(t)
	var log bytes.Buffer
	w.host = w.parent.Spawn(t, "logged", HostSpec(Config{
		WAL: w.wal, Janitor: w.tidy, Log: zerolog.New(&log).Level(zerolog.InfoLevel),
	}))
	w.start(3)
	w.must(3, "a")
	want := `{"level":"info","group":"g-3","replica":7,"leader":7,"term":2,"message":"became leader at term 2"}` + "\n"
	if got := log.String(); got != want {
		t.Fatalf("got log %s, want %s", got, want)
	}
}

func TestNamesAndIDsAreTakenOnce(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	other := w.spec(4)
	other.Name = w.spec(3).Name
	for _, spec := range []Spec{w.spec(3), other} {
		got := ask[Started](w, func(replyTo kit.Address) {
			w.host.Tell(Start{Spec: spec, ReplyTo: replyTo})
		})
		if !errors.Is(got.Err, ErrExists) {
			t.Fatalf("got %v, want ErrExists", got.Err)
		}
	}
}

func TestAStoppedGroupComesBack(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.must(3, "a")
	w.stop(3, false)
	last := w.events[3][len(w.events[3])-1]
	if last != (group.LeaderChanged{Group: 3, Term: 2}) {
		t.Fatalf("got last event %+v, want that nobody leads", last)
	}
	token := w.propose(3, "nobody is there")
	w.Run()
	if err := w.answers[token].Err; !errors.Is(err, kit.ErrStopped) || errors.Is(err, group.ErrLostLeadership) {
		t.Fatalf("got %v, want ErrStopped and no doubt about the outcome", err)
	}
	w.start(3)
	if got := w.must(3, "b"); got != 1 {
		t.Fatalf("got %v, want 1", got)
	}
	if !slices.Equal(w.opens[3], []bool{false, true}) {
		t.Fatalf("got rebuild flags %v, want false, true", w.opens[3])
	}
}

func TestARemovedGroupIsForgotten(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.must(3, "a")
	w.stop(3, true)
	if got := w.describe(); len(got) != 0 {
		t.Fatalf("got %+v, want no group", got)
	}
	loaded := w.load(3)
	if loaded.Found || loaded.Err != nil {
		t.Fatalf("got %+v, want nothing found", loaded)
	}
	w.start(3)
	if got := w.must(3, "b"); got != 0 {
		t.Fatalf("got %v, want a new group", got)
	}
	if !slices.Equal(w.opens[3], []bool{false, false}) {
		t.Fatalf("got rebuild flags %v, want false twice", w.opens[3])
	}
}

func TestAGroupThatIsNotRunningCanBeRemoved(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.stop(3, false)
	w.stop(3, true)
	w.stop(8, true)
	w.stop(8, false)
	loaded := w.load(3)
	if loaded.Found {
		t.Fatal("got the group, want it forgotten")
	}
}

func TestAFailedUnitIsRebuilt(t *testing.T) {
	for _, where := range []string{
		"open", "lead", "prepare", "before apply", "after apply", "capture", "raft", "checkpointed",
	} {
		t.Run(where, func(t *testing.T) {
			w := plainWorld(t)
			w.start(3)
			w.start(4)
			w.must(3, "a")
			armed := true
			w.fail = func(at string) {
				if at == where && armed {
					armed = false
					panic("failure " + where)
				}
			}
			switch where {
			case "open", "lead", "raft":
				armed = where != "raft"
				w.cores[3].Tell(crashMessage())
			case "capture", "checkpointed":
				w.tidy.Tell(janitor.CheckpointNow{})
			default:
				w.propose(3, "b")
			}
			w.Run()
			w.Advance(time.Minute)
			if armed && where != "raft" {
				t.Fatal("nothing failed")
			}
			if len(w.open) > 0 {
				t.Fatalf("got no answer to %v", w.open)
			}
			w.must(3, "c")
			if got := w.machines[3].lines; got[0] != "a" || got[len(got)-1] != "c" {
				t.Fatalf("got %v, want a first and c last", got)
			}
			w.must(4, "other")
			failed := 0
			for _, s := range w.describe() {
				if s.State != Running || !s.Ready {
					t.Errorf("got status %+v, want it running", s)
				}
				if s.Err != nil {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("got %d groups that failed, want 1", failed)
			}
		})
	}
}

func TestAMachineThatCannotWriteIsRebuilt(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	token := w.propose(3, "bad-disk")
	w.Run()
	if err := w.answers[token].Err; !errors.Is(err, group.ErrLostLeadership) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	w.Advance(time.Minute)
	w.must(3, "b")
	if s := w.describe()[0]; !errors.Is(s.Err, errDisk) || s.State != Running {
		t.Fatalf("got %+v, want it running after errDisk", s)
	}
}

func TestAUnitThatFailsAgainAndAgainIsGivenUp(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.start(4)
	w.fail = func(at string) {
		if at == "open" {
			panic(errDisk)
		}
	}
	w.cores[3].Tell(crashMessage())
	w.Advance(time.Minute)
	last := w.events[3][len(w.events[3])-1]
	offline, ok := last.(Offline)
	if !ok || !errors.Is(offline.Err, errDisk) {
		t.Fatalf("got last event %+v, want Offline with the cause", last)
	}
	if n := len(w.opens[3]); n != 1+restartLimit {
		t.Fatalf("got %d opens, want %d", n, 1+restartLimit)
	}
	w.must(4, "goes on")
	token := w.propose(3, "x")
	w.Run()
	if !errors.Is(w.answers[token].Err, kit.ErrStopped) {
		t.Fatalf("got %+v, want ErrStopped", w.answers[token])
	}
	if s := w.describe()[0]; s.State != GivenUp || s.Ready || s.Leader != 0 {
		t.Fatalf("got %+v, want it offline", s)
	}
	// Stopped and started again it gets another chance.
	w.fail = func(string) {}
	w.stop(3, false)
	w.start(3)
	w.must(3, "y")
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.must(3, "a")
	full := true
	w.fail = func(at string) {
		if at == "before apply" && full {
			panic(fmt.Errorf("apply: %w", wal.ErrNoSpace))
		}
	}
	w.propose(3, "b")
	w.Advance(10 * time.Minute)
	if s := w.describe()[0]; s.State == GivenUp {
		t.Fatalf("got %+v, want it to try again", s)
	}
	full = false
	w.Advance(time.Minute)
	w.must(3, "c")
}

func TestContradictoryStateIsNotTriedAgain(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.must(3, "a")
	w.stop(3, false)
	// Somebody has lowered the term below that of the last entry.
	ask[walactor.Appended](w, func(replyTo kit.Address) {
		w.wal.Tell(walactor.Append{Update: wal.Update{Group: 3, Hard: &wal.HardState{Term: 1}}, ReplyTo: replyTo})
	})
	w.start(3)
	w.Advance(time.Minute)
	last, ok := w.events[3][len(w.events[3])-1].(Offline)
	var contradiction *group.StateError
	if !ok || !errors.As(last.Err, &contradiction) || contradiction.Group != 3 {
		t.Fatalf("got %+v, want Offline with a StateError", last)
	}
	if len(w.opens[3]) != 1 {
		t.Fatalf("got %d opens, want none on a contradictory state", len(w.opens[3]))
	}
}

func TestAStopDuringTheWaitEndsIt(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	w.cores[3].Tell(crashMessage())
	w.Run()
	if s := w.describe()[0]; s.State != Waiting {
		t.Fatalf("got %+v, want it waiting", s)
	}
	w.stop(3, false)
	w.Advance(time.Minute)
	if got := w.describe(); len(got) != 0 {
		t.Fatalf("got %+v, want no group", got)
	}
}

func TestCheckpointsShortenTheRestart(t *testing.T) {
	w := plainWorld(t)
	w.start(3)
	for i := range 20 {
		w.must(3, fmt.Sprintf("r%d", i))
	}
	made := ask[janitor.CheckpointsMade](w, func(replyTo kit.Address) {
		w.tidy.Tell(janitor.CheckpointNow{ReplyTo: replyTo})
	})
	if made.Made != 1 || made.Err != nil {
		t.Fatalf("got %+v, want one checkpoint", made)
	}
	if m := w.machines[3]; m.checked == "" {
		t.Fatal("the machine was not told of its checkpoint")
	}
	if s := w.describe()[0]; s.Checkpoint != 22 {
		t.Fatalf("got checkpoint %d, want 22", s.Checkpoint)
	}
	loaded := w.load(3)
	got := loaded.State
	if len(got.Entries) != 0 || got.Checkpoint.Index != 22 || len(got.Checkpoint.ConfState) == 0 {
		t.Fatalf("got state %+v, want everything in the checkpoint", got)
	}
	w.cores[3].Tell(crashMessage())
	w.Advance(time.Minute)
	if got := w.must(3, "more"); got != 20 {
		t.Fatalf("got %v, want 20", got)
	}
}

func TestGroupsOfOneNeedNoClock(t *testing.T) {
	w := plainWorld(t)
	for id := range wal.GroupID(20) {
		w.start(id)
		w.must(id, "a")
	}
	before := w.Clock.Now()
	w.Record()
	w.Advance(time.Hour)
	for _, line := range w.Trace() {
		if line != "root/janitor janitor.look" {
			t.Fatalf("got %q in an idle hour", line)
		}
	}
	if w.Clock.Now().Sub(before) != time.Hour {
		t.Fatal("time did not pass")
	}
}
