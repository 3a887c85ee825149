package partition

import (
	"hash/crc32"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// bench is a machine on an in-memory file system with its leader's Preparer.
type bench struct {
	t        *testing.T
	fs       vfs.FS
	replica  *Replica
	options  *Options
	machine  *Machine
	preparer applier.Preparer
	index    uint64
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, fs: vfs.NewMem()}
	b.replica = NewReplica("orders", [16]byte{15: 200}, 3, 7, &Config{Log: partitionlog.Config{RetentionBytes: -1, RetentionMs: -1}})
	b.replica.Dir = "topics/orders-3"
	b.options = &Options{FS: b.fs, LogDir: "topics", Log: zerolog.Nop()}
	b.open(nil, false)
	return b
}

// again returns the handle that the next process has of a replica.
func again(r *Replica) *Replica {
	next := NewReplica(r.Topic, r.TopicID, r.Partition, r.Group, r.Config())
	next.ID, next.Voters, next.Preferred, next.Dir = r.ID, r.Voters, r.Preferred, r.Dir
	return next
}

func (b *bench) open(state []byte, rebuild bool) {
	b.t.Helper()
	if !rebuild {
		b.replica = again(b.replica)
	}
	machine, err := OpenMachine(b.replica, b.options, state, rebuild)
	if err != nil {
		b.t.Fatal(err)
	}
	b.machine = machine
	b.preparer = machine.Lead(5)
}

// propose prepares a request and returns what would enter the log.
func (b *bench) propose(request any) applier.Prepared { return b.preparer.Prepare(request) }

// apply applies an entry and returns its result.
func (b *bench) apply(data []byte) any {
	b.t.Helper()
	b.index++
	results, err := b.machine.Apply([]applier.Entry{{Term: 5, Index: b.index, Data: data}})
	if err != nil {
		b.t.Fatal(err)
	}
	return results[0]
}

func records(n int, producer *batch.Producer) batch.Batch {
	list := make([]batch.Record, n)
	for i := range list {
		list[i] = batch.Record{Value: []byte("value")}
	}
	return batch.Build(batch.Options{Producer: producer}, list...)
}

func code(err error) protocol.Code { return protocol.CodeOf(err) }

func TestBatchesAreStampedInTheOrderOfTheirProposals(t *testing.T) {
	b := newBench(t)
	first := b.propose(Append{Batch: records(3, nil), AppendTime: -1})
	second := b.propose(Append{Batch: records(2, nil), AppendTime: -1})
	results, err := b.machine.Apply([]applier.Entry{{Term: 5, Index: 1}, {Term: 5, Index: 2, Data: first.Data}, {Term: 5, Index: 3, Data: second.Data}})
	if err != nil {
		t.Fatal(err)
	}
	if got := results[1].(Appended).BaseOffset; got != 0 {
		t.Errorf("got first batch at %d, want 0", got)
	}
	if got := results[2].(Appended).BaseOffset; got != 3 {
		t.Errorf("got second batch at %d, want 3", got)
	}
	if results[0] != nil {
		t.Errorf("got %v for Raft's empty entry, want nothing", results[0])
	}
	if end := b.replica.View().End(); end != 5 {
		t.Errorf("got end %d, want 5", end)
	}
	if epoch := batch.Batch(second.Data).LeaderEpoch(); epoch != 5 {
		t.Errorf("got leader epoch %d, want the term, 5", epoch)
	}
}

// TestTheSumOfABatchIsThatOfItsBytes: what the leader writes into a batch is not among the bytes that it says
// the sum of.
func TestTheSumOfABatchIsThatOfItsBytes(t *testing.T) {
	b := newBench(t)
	for _, request := range []any{
		Append{Batch: records(3, nil), AppendTime: -1},
		Append{Batch: records(200, &batch.Producer{ID: 9, Epoch: 1, Sequence: 0}), AppendTime: -1},
		EndTransaction{TransactionMarker: partitionlog.TransactionMarker{ProducerID: 9, ProducerEpoch: 2}},
	} {
		p := b.propose(request)
		known := p.Data[len(p.Data)-int(p.Sum.Bytes):]
		if want := crc32.Checksum(known, crc32.MakeTable(crc32.Castagnoli)); p.Sum.CRC != want {
			t.Errorf("%T: got sum %08x, want %08x", request, p.Sum.CRC, want)
		}
		if before := len(p.Data) - len(known); before > 21 {
			t.Errorf("%T: the sum leaves out %d bytes, want no more than what the leader writes to", request, before)
		}
	}
	if p := b.propose(DeleteRecords{Offset: 1}); p.Sum != (wal.Sum{}) {
		t.Errorf("got %+v of a command, want nothing", p.Sum)
	}
}

func TestDuplicateOfABatchThatIsUnderWayGetsItsOffset(t *testing.T) {
	b := newBench(t)
	producer := &batch.Producer{ID: 9, Epoch: 0, Sequence: 0}
	b.propose(Append{Batch: records(2, nil), AppendTime: -1})
	original := b.propose(Append{Batch: records(4, producer), AppendTime: -1})
	again := b.propose(Append{Batch: records(4, producer), AppendTime: -1})
	if original.Data == nil || again.Data != nil || !again.Wait {
		t.Fatalf("got %+v, want an answer that waits for the original", again)
	}
	if got := again.Answer.(Appended); got.BaseOffset != 2 || !got.Duplicate {
		t.Errorf("got %+v, want the duplicate at 2", got)
	}
}

func TestSequencesAreCheckedAgainstTheTail(t *testing.T) {
	b := newBench(t)
	b.propose(Append{Batch: records(4, &batch.Producer{ID: 9, Epoch: 1, Sequence: 0}), AppendTime: -1})
	gap := b.propose(Append{Batch: records(1, &batch.Producer{ID: 9, Epoch: 1, Sequence: 5}), AppendTime: -1})
	if code(gap.Err) != protocol.OutOfOrderSequenceNumber {
		t.Errorf("got %v for a gap, want OUT_OF_ORDER_SEQUENCE_NUMBER", gap.Err)
	}
	old := b.propose(Append{Batch: records(1, &batch.Producer{ID: 9, Epoch: 0, Sequence: 4}), AppendTime: -1})
	if code(old.Err) != protocol.InvalidProducerEpoch {
		t.Errorf("got %v for an old epoch, want INVALID_PRODUCER_EPOCH", old.Err)
	}
	next := b.propose(Append{Batch: records(1, &batch.Producer{ID: 9, Epoch: 1, Sequence: 4}), AppendTime: -1})
	if next.Err != nil || batch.Batch(next.Data).BaseOffset() != 4 {
		t.Errorf("got %+v, want the batch at 4: refused batches take no offset", next)
	}
}

func TestDeleteRecordsRaisesTheLogStart(t *testing.T) {
	b := newBench(t)
	b.apply(b.propose(Append{Batch: records(10, nil), AppendTime: -1}).Data)
	if beyond := b.propose(DeleteRecords{Offset: 11}); code(beyond.Err) != protocol.OffsetOutOfRange {
		t.Errorf("got %v beyond the end, want OFFSET_OUT_OF_RANGE", beyond.Err)
	}
	half := b.propose(DeleteRecords{Offset: 4})
	if got := b.apply(half.Data).(DeletedRecords).LowWatermark; got != 4 {
		t.Errorf("got low watermark %d, want 4", got)
	}
	all := b.propose(DeleteRecords{Offset: -1})
	if got := b.apply(all.Data).(DeletedRecords).LowWatermark; got != 10 {
		t.Errorf("got low watermark %d, want the high watermark, 10", got)
	}
	if again := b.propose(DeleteRecords{Offset: 4}); again.Data != nil || again.Answer.(DeletedRecords).LowWatermark != 10 {
		t.Errorf("got %+v, want nothing to do", again)
	}
}

func TestMachineFromACheckpointAppliesTheRestAgain(t *testing.T) {
	b := newBench(t)
	first := b.propose(Append{Batch: records(3, nil), AppendTime: -1}).Data
	b.apply(first)
	flush, err := b.machine.Capture()
	if err != nil {
		t.Fatal(err)
	}
	state, err := flush()
	if err != nil {
		t.Fatal(err)
	}
	second := b.propose(Append{Batch: records(2, nil), AppendTime: -1}).Data
	b.apply(second)
	for _, rebuild := range []bool{true, false} {
		b.machine.Close()
		b.open(state, rebuild)
		if end := b.replica.View().End(); end != 3 {
			t.Fatalf("got end %d at the checkpoint, want 3", end)
		}
		b.apply(second)
		if end := b.replica.View().End(); end != 5 {
			t.Fatalf("got end %d, want 5", end)
		}
	}
}

func TestDirectoryOfADeletedTopicOfTheSameNameMakesRoom(t *testing.T) {
	b := newBench(t)
	b.apply(b.propose(Append{Batch: records(3, nil), AppendTime: -1}).Data)
	flush, err := b.machine.Capture()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flush(); err != nil {
		t.Fatal(err)
	}
	b.machine.Close()
	b.replica = NewReplica("orders", [16]byte{15: 201}, 3, 8, b.replica.Config())
	b.replica.Dir = "topics/orders-3"
	b.open(nil, false)
	if end := b.replica.View().End(); end != 0 {
		t.Fatalf("got end %d of a new topic, want 0", end)
	}
}

// TestJoiningReplicaDoesNotTrustWhatAnEarlierOneLeft: the partition was moved away and back, and a crash came
// between the write-ahead log's forgetting the earlier replica and the removal of its files.
func TestJoiningReplicaDoesNotTrustWhatAnEarlierOneLeft(t *testing.T) {
	b := newBench(t)
	b.apply(b.propose(Append{Batch: records(3, nil), AppendTime: -1}).Data)
	flush, err := b.machine.Capture()
	if err != nil {
		t.Fatal(err)
	}
	state, err := flush()
	if err != nil {
		t.Fatal(err)
	}
	b.machine.Checkpointed(state)
	b.machine.Close()
	b.replica = again(b.replica)
	b.replica.Voters = []uint64{1, 2, 3}
	if _, err := OpenMachine(b.replica, b.options, nil, false); err == nil {
		t.Error("a founder took a log that its write-ahead log does not know, want a refusal")
	}
	b.replica.Voters = nil
	b.open(nil, false)
	if end := b.replica.View().End(); end != 0 {
		t.Errorf("got end %d, want an empty log to copy into", end)
	}
}

func TestUnknownCommandIsRefused(t *testing.T) {
	b := newBench(t)
	_, err := b.machine.Apply([]applier.Entry{{Term: 5, Index: 1, Data: []byte{commandMark, 9, 9}}})
	if err == nil {
		t.Fatalf("got %v, want an error", err)
	}
}

func FuzzDecodeAdvanceStart(f *testing.F) {
	f.Add(encodeAdvanceStart(42))
	f.Add([]byte{commandMark, 2, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		start, err := decodeAdvanceStart(data)
		if err == nil && string(encodeAdvanceStart(start)) != string(data) {
			t.Fatalf("got another command back from %x", data)
		}
	})
}

// TestProducersExpireAtTheSamePlaceEverywhere has the leader forget a silent producer: at once for what it
// checks, and on every replica when the command commits; a log that a restore has brought further has that in
// its table already.
func TestProducersExpireAtTheSamePlaceEverywhere(t *testing.T) {
	b := newBench(t)
	silent := records(1, &batch.Producer{ID: 1, Sequence: 0})
	b.apply(b.propose(Append{Batch: silent, AppendTime: -1}).Data)
	late := batch.Build(batch.Options{Producer: &batch.Producer{ID: 2}}, batch.Record{Timestamp: 5000})
	b.apply(b.propose(Append{Batch: late, AppendTime: -1}).Data)

	if got := b.replica.View().Producers(); got != 2 {
		t.Fatalf("got %d producers, want 2", got)
	}
	prepared := b.propose(ExpireProducers{Before: 1000})
	// Were it known still, 7 would not follow 0. As it is not, 7 is its first one at the second try.
	returning := Append{Batch: records(1, &batch.Producer{ID: 1, Sequence: 7}), AppendTime: -1}
	b.propose(returning)
	next := b.propose(returning)
	if next.Err != nil {
		t.Errorf("the leader has not forgotten: %v", next.Err)
	}
	if got := b.apply(prepared.Data); got != (ExpiredProducers{Count: 1}) {
		t.Errorf("got %+v, want one", got)
	}
	b.apply(next.Data)
	if got := b.apply(prepared.Data); got != (ExpiredProducers{}) || b.machine.log.Producers().Len() != 2 {
		t.Errorf("an old command came again: got %+v and %d producers", got, b.machine.log.Producers().Len())
	}
	if again := b.propose(ExpireProducers{Before: -5}); again.Data != nil || again.Answer != (ExpiredProducers{}) {
		t.Errorf("got %+v, want nothing to propose", again)
	}
}

func FuzzDecodeExpireProducers(f *testing.F) {
	f.Add(encodeExpireProducers(42, 7))
	f.Add([]byte{commandMark, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		before, at, ok := decodeExpireProducers(data)
		if ok && data[0] == commandMark && string(encodeExpireProducers(before, at)) != string(data) {
			t.Fatalf("got another command back from %x", data)
		}
	})
}
