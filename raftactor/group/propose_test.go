package group

import (
	"errors"
	"testing"
	"unsafe"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// single is a ready leader of a group of one with a machine that does nothing.
type single struct {
	*Core
	appends []Append
	applies []applier.Apply
	answers []Answer
}

func newSingle(t testing.TB, p applier.Preparer) *single {
	t.Helper()
	u, err := bootstrap(1, []uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	core, err := NewCore(CoreConfig{Group: 1, Replica: 1, Incarnation: 1, Log: quietLogger{}}, bootstrapped(u))
	if err != nil {
		t.Fatal(err)
	}
	s := &single{Core: core}
	s.run()
	s.storage(p)
	if s.preparer == nil {
		t.Fatal("not ready")
	}
	return s
}

func (s *single) run() {
	for e := s.Effects(); e != nil; e = s.Effects() {
		s.appends = append(s.appends, e.Appends...)
		s.applies = append(s.applies, e.Applies...)
		s.answers = append(s.answers, e.Answers...)
		s.Done()
	}
}

// storage lets wal and applier finish.
func (s *single) storage(p applier.Preparer) {
	for len(s.appends)+len(s.applies) > 0 {
		for _, a := range s.appends {
			s.Appended(a.Token)
		}
		s.appends = s.appends[:0]
		s.run()
		for _, a := range s.applies {
			if a.Index != 0 {
				s.Applied(applier.Applied{Incarnation: 1, Index: a.Index, Lead: a.Lead, Preparer: p})
			}
		}
		s.applies = s.applies[:0]
		s.run()
	}
}

// verbatim proposes the bytes that are requested.
type verbatim struct{ calls int }

func (v *verbatim) Prepare(request any) applier.Prepared {
	v.calls++
	return applier.Prepared{Data: request.([]byte)}
}

func TestDataIsNeverCopied(t *testing.T) {
	s := newSingle(t, &verbatim{})
	data := make([]byte, 1<<20)
	s.Propose([]Propose{{Request: data}, {Request: []byte("next")}})
	s.run()
	same := func(where string, other []byte) {
		t.Helper()
		if unsafe.SliceData(other) != unsafe.SliceData(data) || len(other) != len(data) {
			t.Errorf("%s has a copy of the data", where)
		}
	}
	same("the wal", s.appends[0].Update.Entries[0].Data)
	if got := string(s.appends[0].Update.Entries[1].Data); got != "next" {
		t.Errorf("got %q as the second entry", got)
	}
	s.Appended(s.appends[0].Token)
	s.run()
	same("the tail", s.tail.entries[0].GetData())
	same("the machine", s.applies[0].Entries[0].Data)
}

// summed says of what is requested how long it is, as a sum.
type summed struct{ verbatim }

func (s *summed) Prepare(request any) applier.Prepared {
	p := s.verbatim.Prepare(request)
	p.Sum = wal.Sum{Bytes: uint32(len(p.Data)), CRC: uint32(p.Data[0])}
	return p
}

// TestSumsReachTheLogWithTheirEntries: raft has no place for them, so they go past it. They must not end up
// with another entry, neither of the same step nor of a later one.
func TestSumsReachTheLogWithTheirEntries(t *testing.T) {
	s := newSingle(t, &summed{})
	chunk := make([]byte, maxStepBytes-1)
	s.Propose([]Propose{{Request: []byte("a")}, {Request: []byte("bc")}, {Request: chunk},
		{Request: []byte("d")}})
	s.run()
	s.Want(Want{Voters: []uint64{1, 2}}) // an entry of raft's own
	for range 3 {
		s.Tick()
		s.run()
	}
	var kinds []uint8
	for _, a := range s.appends {
		for _, e := range a.Update.Entries {
			kinds = append(kinds, e.Type)
			want := wal.Sum{}
			if e.Type == uint8(raftpb.EntryNormal) {
				want = wal.Sum{Bytes: uint32(len(e.Data)), CRC: uint32(e.Data[0])}
			}
			if e.Sum != want {
				t.Errorf("got %+v with entry %d of %d bytes, want %+v", e.Sum, e.Index, len(e.Data), want)
			}
		}
	}
	if len(s.appends) < 3 || len(kinds) != 5 || kinds[4] == uint8(raftpb.EntryNormal) {
		t.Fatalf("got %d appends of entries of types %v, want proposals in two and a change behind", len(s.appends),
			kinds)
	}
}

func TestTooMuchUncommittedIsRefusedBeforePrepare(t *testing.T) {
	v := &verbatim{}
	s := newSingle(t, v)
	chunk := make([]byte, maxPendingBytes/4)
	for range 6 {
		s.Propose([]Propose{{Request: chunk}})
		s.run()
	}
	if v.calls != 4 || len(s.answers) != 2 || !errors.Is(s.answers[0].Proposed.Err, ErrBusy) {
		t.Fatalf("got %d prepared and answers %+v, want 4 and 2 × ErrBusy", v.calls, s.answers)
	}
	s.storage(nil)
	s.answers = nil
	s.Propose([]Propose{{Request: chunk}})
	s.run()
	if v.calls != 5 || len(s.answers) != 0 || s.pending.bytes != int64(len(chunk)) {
		t.Fatalf("got %d prepared, answers %+v, pending %+v, want one more", v.calls, s.answers, s.pending)
	}
}

func TestTooManyUncommittedAreRefused(t *testing.T) {
	v := &verbatim{}
	s := newSingle(t, v)
	batch := make([]Propose, maxPending+3)
	for i := range batch {
		batch[i] = Propose{Request: []byte("x"), Token: uint64(i)}
	}
	s.Propose(batch)
	s.run()
	if v.calls != maxPending || len(s.answers) != 3 || s.waiters.len() != maxPending {
		t.Fatalf("got %d prepared, %d answers, %d waiters", v.calls, len(s.answers), s.waiters.len())
	}
}

// TestALargeTurnIsSplit: raft's limit on the size of a message does not see the data of proposals, so the
// core bounds what goes into one step.
func TestALargeTurnIsSplit(t *testing.T) {
	s := newSingle(t, &verbatim{})
	chunk := make([]byte, maxStepBytes/2)
	s.Propose([]Propose{{Request: chunk}, {Request: chunk}, {Request: chunk}, {Request: chunk}, {Request: chunk}})
	s.run()
	var sizes []int
	for _, a := range s.appends {
		sizes = append(sizes, len(a.Update.Entries))
	}
	if len(sizes) != 3 || sizes[0] != 2 || sizes[1] != 2 || sizes[2] != 1 {
		t.Fatalf("got appends of %v entries, want 2, 2, 1", sizes)
	}
}

// TestIdleCoreKeepsLittle: what a burst has taken is given back.
func TestIdleCoreKeepsLittle(t *testing.T) {
	s := newSingle(t, &verbatim{})
	batch := make([]Propose, 5000)
	for i := range batch {
		batch[i] = Propose{Request: []byte("x")}
	}
	s.Propose(batch)
	s.run()
	s.storage(nil)
	kept := cap(s.tail.entries) + cap(s.waiters.items) + cap(s.prepared.items) + cap(s.Core.appends.items) +
		cap(s.Core.applies.items) + cap(s.sums)
	if s.out != nil || s.given != nil {
		t.Error("an idle core keeps the effects it was lent")
	}
	if kept > 8*smallQueue || s.tail.bytes != 0 {
		t.Fatalf("got room for %d items and %d bytes in the tail, want next to nothing", kept, s.tail.bytes)
	}
}

func benchmarkCore(b *testing.B, size, batch int) {
	s := newSingle(b, &verbatim{})
	data := make([]byte, size)
	requests := make([]Propose, batch)
	for i := range requests {
		requests[i] = Propose{Request: data}
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Propose(requests)
		s.run()
		s.storage(nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/proposal")
}

func BenchmarkCore1(b *testing.B)        { benchmarkCore(b, 100, 1) }
func BenchmarkCore100(b *testing.B)      { benchmarkCore(b, 100, 100) }
func BenchmarkCore1Of1MB(b *testing.B)   { benchmarkCore(b, 1<<20, 1) }
func BenchmarkCore16Of64KB(b *testing.B) { benchmarkCore(b, 64<<10, 16) }
