package partitionlog

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// sent returns a batch of n records of a producer.
func sent(base protocol.Offset, id int64, epoch int16, sequence int32, n int) batch.Batch {
	return batch.Build(batch.Options{
		BaseOffset: base, Producer: &batch.Producer{ID: id, Epoch: epoch, Sequence: sequence},
	}, make([]batch.Record, n)...)
}

// The rules are those of Kafka's ProducerAppendInfo and ProducerStateEntry (KIP-98, KIP-360).
func TestSequencesAreCheckedAsKafkaDoes(t *testing.T) {
	const ok = protocol.None
	table := NewProducers(100)
	offset := protocol.Offset(0)
	for i := range int32(7) { // sequences 0-1, 2-3, ... 12-13 at offsets 0, 2, ... 12
		b := sent(offset, 1, 3, 2*i, 2)
		table.Update(b)
		offset = b.NextOffset()
	}
	table.Update(sent(20, 2, 0, math.MaxInt32-1, 2)) // ends at the largest sequence
	table.Update(sent(30, 3, 0, math.MaxInt32, 2))   // wraps inside the batch: its last sequence is 0
	tests := []struct {
		name      string
		id        int64
		epoch     int16
		first     int32
		n         int
		want      protocol.Code
		duplicate protocol.Offset
	}{
		{"the next", 1, 3, 14, 1, ok, -1},
		{"a gap", 1, 3, 15, 1, protocol.OutOfOrderSequenceNumber, -1},
		{"the last again", 1, 3, 12, 2, ok, 12},
		{"the fifth last again", 1, 3, 4, 2, ok, 4},
		{"the sixth last again", 1, 3, 2, 2, protocol.OutOfOrderSequenceNumber, -1},
		{"the same first sequence but another length", 1, 3, 12, 1, protocol.OutOfOrderSequenceNumber, -1},
		{"an older epoch", 1, 2, 14, 1, protocol.InvalidProducerEpoch, -1},
		{"an older epoch with a known range", 1, 2, 12, 2, protocol.InvalidProducerEpoch, -1},
		{"a new epoch from 0", 1, 4, 0, 1, ok, -1},
		{"a new epoch from elsewhere", 1, 4, 14, 1, protocol.OutOfOrderSequenceNumber, -1},
		{"an unknown producer from 0", 9, 0, 0, 1, ok, -1},
		{"an unknown producer from elsewhere", 9, 7, 1234, 1, ok, -1},
		{"0 after the largest", 2, 0, 0, 1, ok, -1},
		{"1 after the largest", 2, 0, 1, 1, protocol.OutOfOrderSequenceNumber, -1},
		{"after a wrap", 3, 0, 1, 1, ok, -1},
		{"a wrapped batch again", 3, 0, math.MaxInt32, 2, ok, 30},
		{"no producer", -1, -1, -1, 1, ok, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			original, err := table.Check(sent(99, test.id, test.epoch, test.first, test.n))
			if protocol.CodeOf(err) != test.want {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			switch {
			case (original != nil) != (test.duplicate >= 0):
				t.Errorf("got duplicate %v", original)
			case original != nil && original.BaseOffset != test.duplicate:
				t.Errorf("got duplicate of %d, want %d", original.BaseOffset, test.duplicate)
			}
		})
	}
}

// marker returns a transaction marker.
func marker(base protocol.Offset, id int64, epoch int16, coordinator int32) batch.Batch {
	value := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(coordinator))
	return batch.Build(batch.Options{
		BaseOffset: base, Producer: &batch.Producer{ID: id, Epoch: epoch, Sequence: -1},
		Transactional: true, Control: true,
	}, batch.Record{Timestamp: 70, Key: []byte{0, 0, 0, 1}, Value: value})
}

func TestMarkersEndTransactions(t *testing.T) {
	table := NewProducers(100)
	open := batch.Build(batch.Options{
		BaseOffset: 5, Producer: &batch.Producer{ID: 1, Epoch: 2, Sequence: 0}, Transactional: true,
	}, batch.Record{})
	table.Update(open)
	if p := table.find(1); p.txnFirstOffset != 5 {
		t.Fatalf("got %+v", p)
	}
	table.Update(marker(6, 1, 2, 44))
	p := table.find(1)
	if p.txnFirstOffset != noOffset || p.coordinatorEpoch != 44 || p.lastTimestamp != 70 || p.count != 1 {
		t.Errorf("got %+v", p)
	}
	table.Update(marker(7, 1, 3, 45)) // the coordinator fences with a higher epoch
	if _, err := table.CheckSequence(1, 2, 1, 1); protocol.CodeOf(err) != protocol.InvalidProducerEpoch {
		t.Errorf("fenced: got %v", err)
	}
	if _, err := table.CheckSequence(1, 3, 0, 0); err != nil {
		t.Errorf("first of the new epoch: got %v", err)
	}
}

func TestClonesGoTheirOwnWay(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	tables := []*Producers{NewProducers(1000)}
	wants := [][]batch.Batch{nil}
	for i := range 3000 {
		k := rng.IntN(len(tables))
		if rng.IntN(100) == 0 && len(tables) < 8 {
			tables = append(tables, tables[k].Clone())
			wants = append(wants, append([]batch.Batch(nil), wants[k]...))
		}
		b := sent(protocol.Offset(i), rng.Int64N(300), int16(rng.IntN(3)), rng.Int32N(1000), 1)
		tables[k].Update(b)
		wants[k] = append(wants[k], b)
	}
	for k, table := range tables {
		fresh := NewProducers(1000)
		for _, b := range wants[k] {
			fresh.Update(b)
		}
		if !bytes.Equal(encodeSnapshot(table), encodeSnapshot(fresh)) {
			t.Errorf("table %d of %d differs from one that was never cloned", k, len(tables))
		}
	}
}

func TestTableIsBoundedByWhoWasSilentLongest(t *testing.T) {
	table := NewProducers(64)
	for i := range int64(64) {
		table.Update(sent(protocol.Offset(i), i, 0, 0, 1))
	}
	table.Update(sent(64, 0, 0, 1, 1)) // producer 0 speaks again
	table.Update(sent(65, 1000, 0, 0, 1))
	if table.Len() != 61 {
		t.Errorf("got %d producers, want the limit less a sixteenth", table.Len())
	}
	for id, want := range map[int64]bool{0: true, 1: false, 4: false, 5: true, 1000: true} {
		if got := table.find(id) != nil; got != want {
			t.Errorf("producer %d: got %v, want %v", id, got, want)
		}
	}
}

func TestExpirySparesOpenTransactions(t *testing.T) {
	table := NewProducers(10)
	for id := range int64(4) {
		o := batch.Options{BaseOffset: protocol.Offset(id), Producer: &batch.Producer{ID: id}}
		o.Transactional = id == 0
		table.Update(batch.Build(o, batch.Record{Timestamp: 100 * id}))
	}
	if n := table.Expire(200); n != 1 || table.find(0) == nil || table.find(1) != nil || table.find(2) == nil {
		t.Errorf("got %d expired", n)
	}
}

func TestUpdatesAllocateNothing(t *testing.T) {
	table := NewProducers(1000)
	b := sent(0, 1, 0, 0, 1)
	table.Update(b)
	if n := testing.AllocsPerRun(100, func() { table.Update(b); _, _ = table.Check(sent0) }); n > 0 {
		t.Errorf("got %v allocations", n)
	}
}

var sent0 = sent(0, 77, 0, 0, 1)

func TestSnapshotKeepsAllFiveBatches(t *testing.T) {
	table := NewProducers(100)
	for i := range int32(6) {
		table.Update(sent(protocol.Offset(i), 4, 1, i, 1))
	}
	table.Update(sent(9, -7+8, 1, 0, 3))
	back, err := parseSnapshot(encodeSnapshot(table), 100)
	must(t, err)
	original, err := back.CheckSequence(4, 1, 1, 1)
	if err != nil || original == nil || original.BaseOffset != 1 {
		t.Errorf("got %v, %v", original, err)
	}
	if !bytes.Equal(encodeSnapshot(back), encodeSnapshot(table)) {
		t.Error("the table differs")
	}
}

// kafkaSnapshot is a snapshot as Kafka lays it out: producer 1, epoch 2, sequence 3, offset 4, delta 1,
// timestamp 5, coordinator epoch 6, no transaction.
func kafkaSnapshot() []byte {
	body := []byte{0, 0, 0, 1}
	body = binary.BigEndian.AppendUint64(body, 1)
	body = append(body, 0, 2, 0, 0, 0, 3)
	body = binary.BigEndian.AppendUint64(body, 4)
	body = append(body, 0, 0, 0, 1)
	body = binary.BigEndian.AppendUint64(body, 5)
	body = append(body, 0, 0, 0, 6)
	body = binary.BigEndian.AppendUint64(body, math.MaxUint64)
	return sealSnapshot(body)
}

func TestReadsKafkasSnapshot(t *testing.T) {
	table, err := parseSnapshot(kafkaSnapshot(), 10)
	must(t, err)
	original, err := table.CheckSequence(1, 2, 2, 3)
	if err != nil || original == nil || *original != (BatchMeta{3, 4, 3, 5}) {
		t.Errorf("got %+v, %v", original, err)
	}
	ours := encodeSnapshot(table)
	if !bytes.Equal(ours[6:][:4+snapshotEntrySize], kafkaSnapshot()[6:]) {
		t.Errorf("got %v, want Kafka's bytes first", ours)
	}
}
