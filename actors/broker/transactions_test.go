package broker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// initProducer begins with a transactional id, as soon as that is possible.
func (n *node) initProducer(ctx context.Context, id string, timeout time.Duration) transaction.Producer {
	n.t.Helper()
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionalID, r.TransactionTimeoutMillis = &id, int32(timeout.Milliseconds())
	r.ProducerID, r.ProducerEpoch = -1, -1
	var p transaction.Producer
	eventually(ctx, n.t, "producer id", func() bool {
		response, err := n.ask(ctx, r, 5)
		if err != nil {
			return false
		}
		answer := response.(*kmsg.InitProducerIDResponse)
		p = transaction.Producer{ID: answer.ProducerID, Epoch: answer.ProducerEpoch}
		return answer.ErrorCode == 0
	})
	return p
}

// addPartition makes partition 0 of a topic part of a transaction.
func (n *node) addPartition(ctx context.Context, id string, p transaction.Producer, topic string) {
	n.t.Helper()
	r := kmsg.NewPtrAddPartitionsToTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = id, p.ID, p.Epoch
	first := kmsg.NewAddPartitionsToTxnRequestTopic()
	first.Topic, first.Partitions = topic, []int32{0}
	r.Topics = append(r.Topics, first)
	eventually(ctx, n.t, "partition added", func() bool {
		response, err := n.ask(ctx, r, 3)
		return err == nil && response.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode == 0
	})
}

// endTransaction ends a transaction once, and returns the code and the producer of the next one.
func (n *node) endTransaction(ctx context.Context, id string, p transaction.Producer, commit bool, version int16,
) (protocol.Code, transaction.Producer) {
	n.t.Helper()
	r := kmsg.NewPtrEndTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Commit = id, p.ID, p.Epoch, commit
	response, err := n.ask(ctx, r, version)
	if err != nil {
		return protocol.UnknownServerError, p
	}
	answer := response.(*kmsg.EndTxnResponse)
	return protocol.Code(answer.ErrorCode), transaction.Producer{ID: answer.ProducerID, Epoch: answer.ProducerEpoch}
}

func (n *node) mustEnd(ctx context.Context, id string, p transaction.Producer, commit bool, version int16,
) (next transaction.Producer) {
	n.t.Helper()
	eventually(ctx, n.t, "end of the transaction", func() bool {
		code, producer := n.endTransaction(ctx, id, p, commit, version)
		next = producer
		if code == protocol.ProducerFenced || code == protocol.InvalidTxnState {
			n.t.Fatalf("got %v", code)
		}
		return code == protocol.None
	})
	return next
}

// mustBe waits until a transactional id is in a state.
func (n *node) mustBe(ctx context.Context, id string, want transaction.State) {
	n.t.Helper()
	r := kmsg.NewPtrDescribeTransactionsRequest()
	r.TransactionalIDs = []string{id}
	eventually(ctx, n.t, want.String(), func() bool {
		response, err := n.ask(ctx, r, 0)
		return err == nil && response.(*kmsg.DescribeTransactionsResponse).TransactionStates[0].State == want.String()
	})
}

// end returns the end of partition 0 of orders.
func (n *node) end(ctx context.Context) int64 {
	n.t.Helper()
	r := kmsg.NewPtrListOffsetsRequest()
	r.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = "orders"
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp, p.CurrentLeaderEpoch = -1, -1
	topic.Partitions = append(topic.Partitions, p)
	r.Topics = append(r.Topics, topic)
	response, err := n.ask(ctx, r, 7)
	if err != nil {
		return -1
	}
	return response.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset
}

// TestTransactionsOutliveTheirActors ends each actor on the way of a transaction in turn, and the node at last.
// Each transaction leaves one marker in its partition, at least.
func TestTransactionsOutliveTheirActors(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	n := startNodeIn(t, dir)
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	p := n.initProducer(ctx, "writers/1", time.Minute)
	for _, version := range []int16{3, 5} { // both generations
		for _, part := range []string{"broker/transactions", "broker/transactions/coordinator-", "broker/brokers"} {
			n.addPartition(ctx, "writers/1", p, "orders")
			before := n.end(ctx)
			n.saboteur.arm(func(path string) bool {
				return path == part || strings.HasSuffix(part, "-") && strings.HasPrefix(path, part)
			})
			next := n.mustEnd(ctx, "writers/1", p, true, version)
			if hit := <-n.saboteur.hit; !strings.HasPrefix(hit, part) {
				t.Fatalf("got sabotage of %s, want %s", hit, part)
			}
			if version == 5 {
				if want := (transaction.Producer{ID: p.ID, Epoch: p.Epoch + 1}); next != want {
					t.Errorf("got %+v for the next transaction, want %+v", next, want)
				}
				p = next
			}
			n.mustBe(ctx, "writers/1", transaction.CompleteCommit)
			if after := n.end(ctx); after <= before {
				t.Errorf("end of the partition %d is still %d: there is no marker", before, after)
			}
		}
	}
	n.stop()
	n = startNodeIn(t, dir)
	defer n.stop()
	n.mustBe(ctx, "writers/1", transaction.CompleteCommit)
	if q := n.initProducer(ctx, "writers/1", time.Minute); q.ID != p.ID || q.Epoch != p.Epoch+1 {
		t.Errorf("got %+v after the restart, want the epoch after %+v", q, p)
	}
}

// TestLateTransactionsAreAborted lets a transaction take longer than its producer allows.
func TestLateTransactionsAreAborted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	p := n.initProducer(ctx, "late", 100*time.Millisecond)
	n.addPartition(ctx, "late", p, "orders")
	n.mustBe(ctx, "late", transaction.CompleteAbort)
	if code, _ := n.endTransaction(ctx, "late", p, true, 3); code != protocol.ProducerFenced {
		t.Errorf("got %v for the end of a transaction that took too long, want %v", code, protocol.ProducerFenced)
	}
	if code, _ := n.endTransaction(ctx, "late", p, true, 1); code != protocol.InvalidProducerEpoch {
		t.Errorf("got %v in version 1, want %v", code, protocol.InvalidProducerEpoch)
	}
}

// TestTransactionsOfGoneTopicsEnd deletes a topic with an open transaction.
func TestTransactionsOfGoneTopicsEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	p := n.initProducer(ctx, "gone", time.Minute)
	n.addPartition(ctx, "gone", p, "orders")
	r := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr("orders")
	r.TopicNames, r.Topics, r.TimeoutMillis = []string{"orders"}, append(r.Topics, topic), 10_000
	if _, err := n.ask(ctx, r, 6); err != nil {
		t.Fatal(err)
	}
	n.mustEnd(ctx, "gone", p, true, 3)
	n.mustBe(ctx, "gone", transaction.CompleteCommit)
}

// TestTransactionsAreListed lists ids through all filters.
func TestTransactionsAreListed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	p := n.initProducer(ctx, "writers-1", time.Minute)
	n.initProducer(ctx, "writers-2", time.Minute)
	n.initProducer(ctx, "others", time.Minute)
	n.addPartition(ctx, "writers-1", p, "orders")
	for _, test := range []struct {
		name string
		set  func(*kmsg.ListTransactionsRequest)
		want []string
	}{
		{"all", func(*kmsg.ListTransactionsRequest) {}, []string{"others", "writers-1", "writers-2"}},
		{"state", func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Ongoing"} }, []string{"writers-1"}},
		{"producer", func(r *kmsg.ListTransactionsRequest) { r.ProducerIDFilters = []int64{p.ID} }, []string{"writers-1"}},
		{"duration", func(r *kmsg.ListTransactionsRequest) { r.DurationFilterMillis = 3_600_000 },
			[]string{"others", "writers-2"}}, // that have not begun, as in Kafka
		{"pattern", func(r *kmsg.ListTransactionsRequest) {
			r.TransactionalIDPattern = kmsg.StringPtr("writers-.")
		}, []string{"writers-1", "writers-2"}},
		{"part of an id", func(r *kmsg.ListTransactionsRequest) {
			r.TransactionalIDPattern = kmsg.StringPtr("writers")
		}, nil},
		{"no state", func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Nonsense"} }, nil},
	} {
		r := kmsg.NewPtrListTransactionsRequest()
		test.set(r)
		eventually(ctx, t, test.name, func() bool {
			response, err := n.ask(ctx, r, 2)
			if err != nil {
				return false
			}
			answer := response.(*kmsg.ListTransactionsResponse)
			var got []string
			for _, one := range answer.TransactionStates {
				got = append(got, one.TransactionalID)
			}
			unknown := test.name == "no state"
			return answer.ErrorCode == 0 && slices.Equal(got, test.want) && (len(answer.UnknownStateFilters) > 0) == unknown
		})
	}
	r := kmsg.NewPtrListTransactionsRequest()
	r.TransactionalIDPattern = kmsg.StringPtr("(")
	response, err := n.ask(ctx, r, 2)
	if err != nil || protocol.Code(response.(*kmsg.ListTransactionsResponse).ErrorCode) != protocol.InvalidRegularExpression {
		t.Errorf("got %+v, %v for a pattern that is none", response, err)
	}
	describe := kmsg.NewPtrDescribeTransactionsRequest()
	describe.TransactionalIDs = []string{"nobody"}
	eventually(ctx, t, "id that does not exist", func() bool {
		response, err := n.ask(ctx, describe, 0)
		if err != nil {
			return false
		}
		states := response.(*kmsg.DescribeTransactionsResponse).TransactionStates
		return protocol.Code(states[0].ErrorCode) == protocol.TransactionalIDNotFound
	})
}
