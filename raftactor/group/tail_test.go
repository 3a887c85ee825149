package group

import (
	"errors"
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

func entry(term, index uint64, size int) *raftpb.Entry {
	return &raftpb.Entry{Term: &term, Index: &index, Data: make([]byte, size)}
}

// TestTailIsAStorage compares the tail with raft's own storage in memory, under random appends, overwrites
// and trims.
func TestTailIsAStorage(t *testing.T) {
	random := rand.New(rand.NewPCG(newSeed(t), 0))
	for range 200 {
		got, want := &tail{prevIndex: 1, prevTerm: 1}, raft.NewMemoryStorage()
		start := &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(uint64(1)), Term: new(uint64(1)),
			ConfState: &raftpb.ConfState{Voters: []uint64{1}}}}
		if err := want.ApplySnapshot(start); err != nil {
			t.Fatal(err)
		}
		term := uint64(1)
		for range 60 {
			if random.IntN(3) > 0 {
				first := got.prevIndex + 1 + random.Uint64N(got.last()-got.prevIndex+1)
				if random.IntN(2) > 0 {
					first = got.last() + 1
				}
				var run []*raftpb.Entry
				for i := range uint64(random.IntN(6)) {
					run = append(run, entry(term, first+i, random.IntN(300)))
				}
				got.append(run)
				if err := want.Append(run); err != nil {
					t.Fatal(err)
				}
				term += random.Uint64N(2)
			} else if got.last() > got.prevIndex {
				to := got.prevIndex + 1 + random.Uint64N(got.last()-got.prevIndex)
				got.trim(to)
				if err := want.Compact(to); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, random, got, want)
		}
	}
}

func compare(t *testing.T, random *rand.Rand, got *tail, want *raft.MemoryStorage) {
	t.Helper()
	first, _ := want.FirstIndex()
	last, _ := want.LastIndex()
	if f, _ := got.FirstIndex(); f != first || got.last() != last {
		t.Fatalf("got [%d, %d], want [%d, %d]", f, got.last(), first, last)
	}
	for i := uint64(0); i <= last+1; i++ {
		term, err := want.Term(i)
		if other, otherErr := got.Term(i); other != term || !errors.Is(otherErr, err) {
			t.Fatalf("term of %d: got %d, %v, want %d, %v", i, other, otherErr, term, err)
		}
	}
	if n := got.recount(); n != got.bytes {
		t.Fatalf("got %d bytes counted, want %d", got.bytes, n)
	}
	if first > last {
		return
	}
	lo := first + random.Uint64N(last-first+1)
	hi := lo + 1 + random.Uint64N(last-lo+1)
	entries, err := got.Entries(lo, hi, uint64(random.IntN(2000)))
	all, _ := want.Entries(lo, hi, 1<<40)
	if err != nil || len(entries) == 0 || len(entries) > len(all) {
		t.Fatalf("got %d entries of [%d, %d), %v, want 1 to %d", len(entries), lo, hi, err, len(all))
	}
	for i := range entries {
		if entries[i] != all[i] {
			t.Fatalf("got another entry at %d", lo+uint64(i))
		}
	}
	if _, err := got.Entries(first-1, hi, 1); !errors.Is(err, raft.ErrCompacted) {
		t.Fatalf("got %v for a trimmed entry, want ErrCompacted", err)
	}
}

// TestTailHandsOutCopies: what raft was given stays as it is when the tail is trimmed.
func TestTailHandsOutCopies(t *testing.T) {
	s := &tail{prevIndex: 1, prevTerm: 1}
	s.append([]*raftpb.Entry{entry(1, 2, 10), entry(1, 3, 10), entry(1, 4, 10)})
	entries, err := s.Entries(2, 5, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	s.trim(3)
	s.append([]*raftpb.Entry{entry(2, 4, 10)})
	for i, e := range entries {
		if e.GetIndex() != uint64(2+i) || e.GetTerm() != 1 {
			t.Fatalf("got %d/%d at %d, want what was handed out", e.GetTerm(), e.GetIndex(), i)
		}
	}
}

func TestTailRefusesWhatWouldTearTheLog(t *testing.T) {
	for name, act := range map[string]func(*tail){
		"gap":       func(s *tail) { s.append([]*raftpb.Entry{entry(1, 9, 0)}) },
		"trimmed":   func(s *tail) { s.append([]*raftpb.Entry{entry(1, 5, 0)}) },
		"trim more": func(s *tail) { s.trim(8) },
	} {
		s := &tail{prevIndex: 5, prevTerm: 1}
		s.append([]*raftpb.Entry{entry(1, 6, 0), entry(1, 7, 0)})
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			act(s)
		}()
	}
}

func TestExcessKeepsWhatFits(t *testing.T) {
	s := &tail{prevIndex: 1, prevTerm: 1}
	for i := range uint64(10) {
		s.append([]*raftpb.Entry{entry(1, 2+i, 1000-entryOverhead)})
	}
	for _, c := range []struct {
		limit int64
		upTo  uint64
		want  uint64
	}{{10_000, 11, 1}, {9_999, 11, 2}, {3_000, 11, 8}, {3_000, 4, 4}, {0, 11, 11}, {0, 1, 1}} {
		if got := s.excess(c.limit, c.upTo); got != c.want {
			t.Errorf("excess(%d, %d): got %d, want %d", c.limit, c.upTo, got, c.want)
		}
	}
}
