package conn_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// committedOf is fetchOf with isolation level read_committed.
func committedOf(topic string, offset int64) *kmsg.FetchRequest {
	r := fetchOf(12, topic, 0, offset)
	r.IsolationLevel = 1
	return r
}

// A reader of committed records waits for the last stable offset: it is not woken by what it may not see yet.
func TestCommittedLongPollIsWokenByTheMarker(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	producer := batch.Producer{ID: 7, Epoch: 1}
	first := s.AppendTransactional("orders", 0, producer)
	c := s.dial()
	r := committedOf("orders", 0)
	r.MaxWaitMillis = long
	correlation := c.send(r)
	s.waited("orders-0", 1)
	other := s.Append("orders", 0, "v")

	open := s.dial().fetch(fetchOf(12, "orders", 0, 0)).Topics[0].Partitions[0]
	if len(open.AbortedTransactions) > 0 || open.LastStableOffset != 0 || open.HighWatermark != 2 ||
		len(open.RecordBatches) != len(first)+len(other) {
		t.Errorf("got %+v, want everything for a reader of all records", open)
	}
	s.EndTransaction("orders", 0, producer, false)
	got := c.receive(correlation, r).(*kmsg.FetchResponse).Topics[0].Partitions[0]
	want := []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 7, FirstOffset: 0}}
	if !slices.EqualFunc(got.AbortedTransactions, want, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) bool {
		return a.ProducerID == b.ProducerID && a.FirstOffset == b.FirstOffset
	}) || got.LastStableOffset != 3 || len(got.RecordBatches) <= len(first)+len(other) {
		t.Errorf("got %+v, want the aborted transaction to be told", got)
	}
	if waits := s.Doors["orders-0"].Waits.Load(); waits != 1 {
		t.Errorf("the fetch waited %d times, want it to be woken by the marker alone", waits)
	}
}

// What lies behind an open transaction is not shown, even if it was committed itself.
func TestCommittedReaderStopsAtTheLastStableOffset(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	before := s.Append("orders", 0, "v")
	s.AppendTransactional("orders", 0, batch.Producer{ID: 7})
	s.AppendTransactional("orders", 0, batch.Producer{ID: 8})
	s.EndTransaction("orders", 0, batch.Producer{ID: 8}, true)
	got := s.dial().fetch(committedOf("orders", 0)).Topics[0].Partitions[0]
	if got.LastStableOffset != 1 || got.HighWatermark != 4 || len(got.RecordBatches) != len(before) ||
		len(got.AbortedTransactions) > 0 {
		t.Errorf("got %+v, want what lies before the open transaction", got)
	}
}
