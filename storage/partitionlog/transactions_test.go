package partitionlog

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// outcome is what transactions come to in a list of batches, found the simplest way.
type outcome struct {
	open    map[int64]protocol.Offset // first offset by producer
	data    []protocol.Offset         // of records, ascending
	aborted map[protocol.Offset]bool
}

func transactionsOf(batches []batch.Batch) outcome {
	o := outcome{open: map[int64]protocol.Offset{}, aborted: map[protocol.Offset]bool{}}
	written := map[int64][]protocol.Offset{}
	for _, b := range batches {
		id := b.ProducerID()
		if b.IsControl() {
			for _, offset := range written[id] {
				o.aborted[offset] = markerOf(b) == markerAbort
			}
			delete(written, id)
			delete(o.open, id)
			continue
		}
		for offset := b.BaseOffset(); offset <= b.LastOffset(); offset++ {
			o.data = append(o.data, offset)
			if b.IsTransactional() {
				written[id] = append(written[id], offset)
			}
		}
		if _, known := o.open[id]; b.IsTransactional() && !known {
			o.open[id] = b.BaseOffset()
		}
	}
	return o
}

func (o outcome) stable(start, end protocol.Offset) protocol.Offset {
	for _, first := range o.open {
		end = min(end, max(start, first))
	}
	return end
}

// check compares what a reader of committed records sees from an offset on.
func (o outcome) check(v *View, from protocol.Offset, maxBytes int) error {
	seen, err := readCommitted(v, from, maxBytes)
	if err != nil {
		return err
	}
	for _, offset := range o.data {
		if offset < from || offset >= v.LastStable() {
			continue
		}
		if seen[offset] == o.aborted[offset] {
			return fmt.Errorf("from %d of %d to %d (stable): offset %d, aborted: %v, is seen: %v",
				from, v.Start(), v.LastStable(), offset, o.aborted[offset], seen[offset])
		}
		delete(seen, offset)
	}
	if len(seen) > 0 {
		return fmt.Errorf("got %d records that are not there: %v", len(seen), seen)
	}
	return nil
}

// readCommitted returns the offsets of the records that a client with isolation level read_committed is left
// with. It does what Kafka's consumer does with the aborted transactions of each response.
func readCommitted(v *View, from protocol.Offset, maxBytes int) (map[protocol.Offset]bool, error) {
	seen := map[protocol.Offset]bool{}
	for from < v.LastStable() {
		r, err := v.ReadCommitted(from, maxBytes, true)
		if err != nil {
			return nil, fmt.Errorf("read from %d: %w", from, err)
		}
		aborted, err := v.Aborted(from, r)
		if err != nil {
			return nil, fmt.Errorf("aborted from %d: %w", from, err)
		}
		data := make([]byte, r.Length)
		_, err = r.ReadAt(data, 0)
		r.Release()
		if err != nil {
			return nil, err
		}
		batches := wholeBatches(data)
		if len(batches) == 0 {
			return nil, fmt.Errorf("read from %d: got %d bytes without a whole batch", from, len(data))
		}
		if err := leaveOutAborted(batches, aborted, from, seen); err != nil {
			return nil, err
		}
		from = batches[len(batches)-1].NextOffset()
	}
	return seen, nil
}

func leaveOutAborted(
	batches []batch.Batch, aborted []AbortedTransaction, from protocol.Offset, seen map[protocol.Offset]bool,
) error {
	slices.SortStableFunc(aborted, func(a, b AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	open := map[int64]bool{}
	for _, b := range batches {
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
			open[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		switch {
		case b.IsControl():
			if markerOf(b) == markerAbort {
				delete(open, b.ProducerID())
			}
			continue
		case b.IsTransactional() && open[b.ProducerID()]:
			continue
		}
		err := b.Entries(func(e batch.Entry) bool {
			if e.Offset >= from {
				seen[e.Offset] = true
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inTransaction returns a batch of n records of a transaction.
func inTransaction(base protocol.Offset, id int64, n int) batch.Batch {
	return batch.Build(batch.Options{
		BaseOffset: base, Transactional: true, Producer: &batch.Producer{ID: id},
	}, make([]batch.Record, n)...)
}

// endOf returns the marker of a transaction.
func endOf(base protocol.Offset, id int64, commit bool) batch.Batch {
	return batch.Build(batch.Options{
		BaseOffset: base, Transactional: true, Control: true,
		Producer: &batch.Producer{ID: id, Sequence: batch.NoSequence},
	}, batch.Marker(commit, 0, 0))
}

// The layout is that of Kafka's AbortedTxn; the numbers are those of its ProducerStateManager.
func TestTransactionIndexIsKafkas(t *testing.T) {
	fs := newMem(t)
	l := openLog(t, fs, Config{TopicID: testTopic}, nil, Boot)
	must(t, l.Append([]batch.Batch{
		inTransaction(0, 7, 3), inTransaction(3, 0x0102030405060708, 2), inTransaction(5, 9, 1),
		endOf(6, 7, true), endOf(7, 0x0102030405060708, false), endOf(8, 9, false),
	}))
	checkpoint(t, l)
	data, err := vfs.ReadFile(fs, testDir+"/00000000000000000000.txnindex", 1000)
	must(t, err)
	want := "0000" + "0102030405060708" + "0000000000000003" + "0000000000000007" + "0000000000000005" +
		"0000" + "0000000000000009" + "0000000000000005" + "0000000000000008" + "0000000000000009"
	if got := fmt.Sprintf("%x", data); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLastStableOffsetIsWhereTheOldestOpenTransactionBegins(t *testing.T) {
	l := openLog(t, newMem(t), Config{TopicID: testTopic}, nil, Boot)
	for _, step := range []struct {
		batch  batch.Batch
		stable protocol.Offset
	}{
		{sent(0, 1, 0, 0, 4), 4},
		{inTransaction(4, 7, 2), 4},
		{inTransaction(6, 8, 2), 4},
		{endOf(8, 7, true), 6},
		{inTransaction(9, 7, 1), 6},
		{endOf(10, 8, false), 9},
		{endOf(11, 8, false), 9}, // of a transaction that wrote nothing
		{endOf(12, 7, false), 13},
	} {
		must(t, l.Append([]batch.Batch{step.batch}))
		if got := l.View().LastStable(); got != step.stable {
			t.Errorf("after offset %d: got last stable offset %d, want %d", step.batch.LastOffset(), got, step.stable)
		}
	}
}

// Only transactions that reach into what was read are told, however many there are.
func TestAbortedTransactionsOfARegion(t *testing.T) {
	c := smallConfig()
	l := openLog(t, newMem(t), c, nil, Boot)
	var end protocol.Offset
	for i := range 200 {
		id := int64(i % 3)
		must(t, l.Append([]batch.Batch{inTransaction(end, id, 3), endOf(end+3, id, i%2 == 0)}))
		end += 4
	}
	v := l.View()
	for from := protocol.Offset(0); from < end; from += 7 {
		r, err := v.ReadCommitted(from, 200, true)
		must(t, err)
		found, err := v.Aborted(from, r)
		must(t, err)
		r.Release()
		if len(found) > 12 {
			t.Errorf("from %d: got %d aborted transactions for %d bytes", from, len(found), r.Length)
		}
	}
	must(t, transactionsOf(l.batchesForTest(t)).check(v, 0, 500))
	if _, err := v.Aborted(end+1, Region{Length: 1}); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("got %v, want ErrOffsetOutOfRange", err)
	}
}

func (l *Log) batchesForTest(t *testing.T) []batch.Batch {
	t.Helper()
	batches, err := readAll(l.View(), l.View().Start(), math.MaxInt32)
	must(t, err)
	return batches
}
