package pull

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// one is a batch of one record, whose value is its name.
func one(offset protocol.Offset, name string, producer int64) batch.Batch {
	options := batch.Options{BaseOffset: offset}
	if producer >= 0 {
		options.Producer, options.Transactional = &batch.Producer{ID: producer}, true
	}
	return batch.Build(options, batch.Record{Value: []byte(name)})
}

// marker ends a transaction.
func marker(offset protocol.Offset, producer int64) batch.Batch {
	return batch.Build(batch.Options{
		BaseOffset: offset, Transactional: true, Control: true,
		Producer: &batch.Producer{ID: producer, Sequence: batch.NoSequence},
	}, batch.Marker(false, 0, 0))
}

func aborted(producer, first int64) kmsg.FetchResponseTopicPartitionAbortedTransaction {
	return kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: producer, FirstOffset: first}
}

// read decodes a reply with these bytes.
func read(records []byte, dead ...kmsg.FetchResponseTopicPartitionAbortedTransaction) (Fetched, []string) {
	p := kmsg.NewFetchResponseTopicPartition()
	p.RecordBatches, p.AbortedTransactions = records, dead
	topic := kmsg.NewFetchResponseTopic()
	topic.Partitions = append(topic.Partitions, p)
	response := kmsg.NewPtrFetchResponse()
	response.Version, response.Topics = version, append(response.Topics, topic)
	got := decode(fetch.Frame{Bytes: response.AppendTo(make([]byte, headBytes))}, Fetch{Committed: true})
	var names []string
	for i := range got.Records {
		names = append(names, string(got.Records[i].Value))
	}
	return got, names
}

// TestReplyMayEndInABatch: a reply has at most as many bytes as were asked for.
func TestReplyMayEndInABatch(t *testing.T) {
	whole, cut := one(0, "whole", -1), one(1, "cut", -1)
	for n := range len(cut) {
		got, names := read(append(whole[:len(whole):len(whole)], cut[:n]...))
		if got.Err != nil || len(names) != 1 || names[0] != "whole" || got.Next != 1 {
			t.Fatalf("%d bytes of a second batch: got %v, %v, next %d", n, names, got.Err, got.Next)
		}
	}
}

// TestAbortedTransactionsInTheOrderOfTheirMarkers: one that began later may have ended first.
func TestAbortedTransactionsInTheOrderOfTheirMarkers(t *testing.T) {
	var records []byte
	for _, b := range []batch.Batch{
		one(0, "dead of 7", 7), one(1, "dead of 8", 8), one(2, "alive", -1), marker(3, 8), marker(4, 7),
		one(5, "later of 7", 7),
	} {
		records = append(records, b...)
	}
	got, names := read(records, aborted(8, 1), aborted(7, 0))
	if got.Err != nil || len(names) != 2 || names[0] != "alive" || names[1] != "later of 7" || got.Next != 6 {
		t.Errorf("got %v, %v, next %d, want what was not aborted", names, got.Err, got.Next)
	}
}
