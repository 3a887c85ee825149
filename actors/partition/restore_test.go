package partition

import (
	"errors"
	"io"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// copyPieces returns what brings a machine with have to the state of b's.
func (b *bench) copyPieces(have []byte) [][]byte {
	b.t.Helper()
	source, err := b.machine.Share(have)
	if err != nil {
		b.t.Fatal(err)
	}
	defer source.Close()
	var pieces [][]byte
	for {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			return pieces
		}
		if err != nil {
			b.t.Fatal(err)
		}
		pieces = append(pieces, piece)
	}
}

// restore brings b's machine the pieces and returns the state for the checkpoint.
func (b *bench) restore(pieces [][]byte) []byte {
	b.t.Helper()
	for i, piece := range pieces {
		if err := b.machine.Restore(piece, i == 0); err != nil {
			b.t.Fatal(err)
		}
	}
	state, err := b.machine.Restored()
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

// lead appends n batches of a producer on the leader and returns the entries.
func (b *bench) lead(n int) [][]byte {
	b.t.Helper()
	var entries [][]byte
	for range n {
		next := b.replica.View().End()
		data := b.propose(Append{
			Batch: records(2, &batch.Producer{ID: 7, Sequence: int32(next)}), AppendTime: -1,
		}).Data
		b.apply(data)
		entries = append(entries, data)
	}
	return entries
}

func (b *bench) wantLog(start, end protocol.Offset) {
	b.t.Helper()
	if v := b.replica.View(); v.Start() != start || v.End() != end {
		b.t.Fatalf("got a log from %d to %d, want %d to %d", v.Start(), v.End(), start, end)
	}
}

// TestFreshReplicaGetsWhatIsThereAndSkipsItsEntries has a replica that was empty. Some of the entries that it
// then gets are of the state that it was brought to.
func TestFreshReplicaGetsWhatIsThereAndSkipsItsEntries(t *testing.T) {
	leader, follower := newBench(t), newBench(t)
	entries := leader.lead(10)
	leader.apply(leader.propose(DeleteRecords{Offset: 5}).Data)
	state := follower.restore(leader.copyPieces(follower.machine.Have()))
	follower.wantLog(5, 20)
	entries = append(entries[8:], leader.lead(2)...)
	results := []any{}
	for _, data := range entries {
		results = append(results, follower.apply(data))
	}
	for i, result := range results {
		if got, want := result.(Appended).BaseOffset, protocol.Offset(16+2*i); got != want {
			t.Errorf("got offset %d for entry %d, want %d", got, i, want)
		}
	}
	follower.wantLog(5, 24)
	follower.machine.Close()
	follower.open(state, false)
	follower.wantLog(5, 20)
	again := follower.propose(Append{Batch: records(2, &batch.Producer{ID: 7, Sequence: 18}), AppendTime: -1})
	if again.Data != nil || !again.Answer.(Appended).Duplicate {
		t.Errorf("got %+v, want the duplicate recognized: the producers were copied, too", again)
	}
}

// TestCommandsOfAStateThatWasPassedChangeNothing applies raised log starts and batches again, below, at and
// above where an interrupted restore has taken the log.
func TestCommandsOfAStateThatWasPassedChangeNothing(t *testing.T) {
	leader, follower := newBench(t), newBench(t)
	first := leader.lead(3)
	for _, data := range first {
		follower.apply(data)
	}
	var after [][]byte
	after = append(after, leader.lead(3)...)
	for _, offset := range []protocol.Offset{4, 9} {
		data := leader.propose(DeleteRecords{Offset: offset}).Data
		leader.apply(data)
		after = append(after, data)
		after = append(after, leader.lead(2)...)
	}
	pieces := leader.copyPieces(follower.machine.Have())
	for i, piece := range pieces[:len(pieces)-1] { // all but the producers
		if err := follower.machine.Restore(piece, i == 0); err != nil {
			t.Fatal(err)
		}
	}
	follower.wantLog(9, 20)
	if _, err := follower.replica.View().Read(2, 1, true); !errors.Is(err, partitionlog.ErrOffsetOutOfRange) {
		t.Errorf("got %v for what is deleted, want OFFSET_OUT_OF_RANGE", err)
	}
	for _, data := range after {
		if deleted, ok := follower.apply(data).(DeletedRecords); ok && deleted.LowWatermark != 9 {
			t.Errorf("got low watermark %d, want 9", deleted.LowWatermark)
		}
		follower.wantLog(9, 20)
	}
	follower.preparer = follower.machine.Lead(6)
	next := follower.propose(Append{Batch: records(1, &batch.Producer{ID: 7, Sequence: 20}), AppendTime: -1})
	if next.Err != nil || batch.Batch(next.Data).BaseOffset() != 20 {
		t.Errorf("got %+v, want the next batch of the producer at 20", next)
	}
}

func TestUnusableSourceLeavesTheMachineAsItIs(t *testing.T) {
	leader, follower := newBench(t), newBench(t)
	leader.lead(3)
	pieces := leader.copyPieces(nil)
	pieces[1][40] ^= 1
	if err := follower.machine.Restore(pieces[0], true); err != nil {
		t.Fatal(err)
	}
	if err := follower.machine.Restore(pieces[1], false); !errors.Is(err, partitionlog.ErrSource) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if _, err := follower.machine.Restored(); !errors.Is(err, partitionlog.ErrSource) {
		t.Fatalf("got %v, want a refusal", err)
	}
	follower.restore(leader.copyPieces(follower.machine.Have()))
	follower.wantLog(0, 6)
}

// TestMachineThatCannotWriteEndsDuringARestore: the replica is rebuilt, as after a failed Apply.
func TestMachineThatCannotWriteEndsDuringARestore(t *testing.T) {
	leader, follower := newBench(t), newBench(t)
	leader.lead(3)
	fail := false
	follower.options.FS = vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op) error {
		if fail && op.Kind == vfs.OpWrite {
			return vfs.ErrInjected
		}
		return nil
	})
	follower.open(nil, false)
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("got %v, want the failure of the disk", err)
		}
	}()
	fail = true
	follower.restore(leader.copyPieces(nil))
}

var _ applier.Source = (*partitionlog.Source)(nil)

// TestALogThatIsCopiedAnewTakesTheNextEntries has a replica that was away while a tombstone came and went.
// When its new log is in the write-ahead log, entries go there.
func TestALogThatIsCopiedAnewTakesTheNextEntries(t *testing.T) {
	leader, follower := newBench(t), newBench(t)
	config := &Config{Log: partitionlog.Config{
		SegmentBytes: 1, RetentionBytes: -1, RetentionMs: -1, Compact: true,
	}}
	leader.replica.Reconfigure(config)
	put := func(b *bench, key string, value []byte) []byte {
		one := batch.Build(batch.Options{}, batch.Record{Key: []byte(key), Value: value})
		data := b.propose(Append{Batch: one, AppendTime: -1}).Data
		b.apply(data)
		return data
	}
	follower.apply(put(leader, "a", []byte("1")))
	put(leader, "a", nil)
	for i := range int64(4) {
		put(leader, "b", []byte("1"))
		leader.checkpoint()
		job, err := leader.machine.log.Compact(1000*(1+i), 0)
		for done := false; !done && err == nil; {
			_, done, err = job.Step(1 << 20)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := follower.replica.View()
	state := follower.restore(leader.copyPieces(follower.machine.Have()))
	if follower.replica.View().End() != before.End() {
		t.Error("the new log is there before it is in the write-ahead log")
	}
	follower.machine.Checkpointed(state)
	follower.wantLog(0, 6)
	follower.apply(put(leader, "c", []byte("1")))
	follower.wantLog(0, 7)
	for name, b := range map[string]*bench{"leader": leader, "follower": follower} {
		if region, err := b.replica.View().Read(1, 1<<20, true); err != nil || region.Length == 0 {
			t.Errorf("%s: got %v, %v", name, region, err)
		} else {
			region.Release()
		}
	}
	if got, want := follower.replica.View().Size(), leader.replica.View().Size(); got != want {
		t.Errorf("got a log of %d bytes, want %d: what was deleted is there", got, want)
	}
	follower.machine.Close()
	follower.open(state, false)
	follower.wantLog(0, 6)
}

// checkpoint makes the machine's state the one that a restart begins with.
func (b *bench) checkpoint() {
	b.t.Helper()
	flush, err := b.machine.Capture()
	if err != nil {
		b.t.Fatal(err)
	}
	state, err := flush()
	if err != nil {
		b.t.Fatal(err)
	}
	b.machine.Checkpointed(state)
}
