package conn_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/vfs"
)

// coordinator stands for the coordinator of all transactions: it hands questions to the test.
type coordinator struct {
	t    *testing.T
	asks chan brokers.Ask
}

// Receive implements kit.Actor.
func (o *coordinator) Receive(c *kit.Context) {
	if ask, is := c.Message().(brokers.Ask); is {
		o.asks <- ask
	}
}

// coordinate begins to coordinate transactions of a server.
func (s *server) coordinate(t *testing.T) *coordinator {
	o := &coordinator{t: t, asks: make(chan brokers.Ask, 100)}
	s.CreateTopic("__transaction_state", 1, nil)
	s.Env.Brokers = s.System.Spawn("brokers", kit.Spec{New: func() kit.Actor { return o }})
	return o
}

// next returns the next question.
func (o *coordinator) next() brokers.Ask {
	o.t.Helper()
	select {
	case ask := <-o.asks:
		return ask
	case <-time.After(patience):
		o.t.Fatal("the coordinator was not asked")
		panic("not reached")
	}
}

// answer answers a question with a code for each partition in order, the last one for all that follow.
func (o *coordinator) answer(ask brokers.Ask, codes ...protocol.Code) {
	response := kmsg.NewPtrAddPartitionsToTxnResponse()
	for _, transaction := range ask.Request.(*kmsg.AddPartitionsToTxnRequest).Transactions {
		one := kmsg.NewAddPartitionsToTxnResponseTransaction()
		one.TransactionalID = transaction.TransactionalID
		for _, topic := range transaction.Topics {
			t := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
			t.Topic = topic.Topic
			for _, index := range topic.Partitions {
				p := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
				p.Partition, p.ErrorCode = index, int16(codes[0])
				if len(codes) > 1 {
					codes = codes[1:]
				}
				t.Partitions = append(t.Partitions, p)
			}
			one.Topics = append(one.Topics, t)
		}
		response.Transactions = append(response.Transactions, one)
	}
	ask.ReplyTo.Tell(brokers.Answered{Token: ask.Token, Response: response})
}

// quiet checks that nobody has asked.
func (o *coordinator) quiet() {
	o.t.Helper()
	select {
	case ask := <-o.asks:
		o.t.Errorf("got the question %+v, want none", ask.Request)
	default:
	}
}

// transactionalOf is a produce request of one record for each of the partitions of a topic, in a transaction.
func transactionalOf(version int16, id int64, sequence int32, partitions ...int32) *kmsg.ProduceRequest {
	producer := batch.Producer{ID: id, Sequence: sequence}
	records := batch.Build(batch.Options{Transactional: true, Producer: &producer}, record(time.Now(), "k", "v"))
	r := produceOf(version, -1, "orders", partitions[0], records)
	name := "payments"
	r.TransactionID = &name
	for _, index := range partitions[1:] {
		p := r.Topics[0].Partitions[0]
		p.Partition, p.Records = index, append([]byte(nil), records...)
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
	}
	return r
}

// produced returns the answer for each partition.
func (c *client) produced(correlation int32, r kmsg.Request) []kmsg.ProduceResponseTopicPartition {
	c.t.Helper()
	return c.receive(correlation, r).(*kmsg.ProduceResponse).Topics[0].Partitions
}

func wantProduced(t *testing.T, what string, got kmsg.ProduceResponseTopicPartition, want protocol.Code) {
	t.Helper()
	if protocol.Code(got.ErrorCode) != want {
		t.Errorf("%s: got %v, want %v", what, protocol.Code(got.ErrorCode), want)
	}
}

func TestFirstBatchOfATransactionIsVerified(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	o, c := s.coordinate(t), s.dial()
	r := transactionalOf(9, 7, 0, 0, 1)
	correlation := c.send(r)
	ask := o.next()
	one := ask.Request.(*kmsg.AddPartitionsToTxnRequest).Transactions[0]
	if one.TransactionalID != "payments" || one.ProducerID != 7 || !one.VerifyOnly ||
		fmt.Sprint(one.Topics[0].Topic, one.Topics[0].Partitions) != "orders[0 1]" {
		t.Errorf("got the question %+v", one)
	}
	if end := s.Replica("orders", 0).View().End(); end != 0 {
		t.Error("a batch was appended before it was verified")
	}
	o.answer(ask, protocol.None, protocol.InvalidTxnState)
	got := c.produced(correlation, r)
	wantProduced(t, "verified", got[0], protocol.None)
	wantProduced(t, "not verified", got[1], protocol.InvalidTxnState)
	if end := s.Replica("orders", 1).View().End(); end != 0 {
		t.Error("a batch was appended that was not verified")
	}

	next := transactionalOf(9, 7, 1, 0)
	wantProduced(t, "the second", c.produced(c.send(next), next)[0], protocol.None)
	o.quiet()
	s.EndTransaction("orders", 0, batch.Producer{ID: 7}, true)
	after := transactionalOf(9, 7, 2, 0)
	correlation = c.send(after)
	o.answer(o.next(), protocol.None)
	wantProduced(t, "the first of the next transaction", c.produced(correlation, after)[0], protocol.None)
}

// Batches that arrive while the first one is being verified must not overtake it.
func TestPipelinedBatchesStayInOrderWhileTheFirstIsVerified(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	o, c := s.coordinate(t), s.dial()
	var correlations []int32
	var requests []*kmsg.ProduceRequest
	for i := range int32(20) {
		r := transactionalOf(12, 7, i, 0)
		requests = append(requests, r)
		correlations = append(correlations, c.send(r))
	}
	o.answer(o.next(), protocol.None)
	for i, correlation := range correlations {
		got := c.produced(correlation, requests[i])[0]
		if got.ErrorCode != 0 || got.BaseOffset != int64(i) {
			t.Fatalf("batch %d: got %+v", i, got)
		}
	}
	o.quiet() // what was verified counts for those behind it
}

// A client of the second generation leaves it to the broker to add the partition; while the transaction before
// is being ended, the coordinator is asked again.
func TestPartitionsOfTheSecondGenerationAreAdded(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	o, c := s.coordinate(t), s.dial()
	r := transactionalOf(12, 7, 0, 0)
	correlation := c.send(r)
	first := o.next()
	if first.Request.(*kmsg.AddPartitionsToTxnRequest).Transactions[0].VerifyOnly {
		t.Error("the partition is verified only")
	}
	o.answer(first, protocol.ConcurrentTransactions)
	o.answer(o.next(), protocol.None)
	wantProduced(t, "added", c.produced(correlation, r)[0], protocol.None)

	late := transactionalOf(12, 8, 3, 0) // nobody knows it: it must begin with 0
	correlation = c.send(late)
	o.answer(o.next(), protocol.None)
	wantProduced(t, "late", c.produced(correlation, late)[0], protocol.OutOfOrderSequenceNumber)
}

// The codes are those of Kafka's ReplicaManager and AddPartitionsToTxnManager.
func TestRefusalsOfTheCoordinatorAreTranslated(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	o, c := s.coordinate(t), s.dial()
	for i, one := range []struct {
		said    protocol.Code
		version int16
		want    protocol.Code
	}{
		{protocol.ProducerFenced, 12, protocol.InvalidProducerEpoch},
		{protocol.InvalidProducerIDMapping, 12, protocol.InvalidProducerIDMapping},
		{protocol.TransactionAbortable, 10, protocol.InvalidTxnState},
		{protocol.TransactionAbortable, 11, protocol.TransactionAbortable},
		{protocol.NotCoordinator, 12, protocol.NotEnoughReplicas},
		{protocol.CoordinatorLoadInProgress, 9, protocol.NotEnoughReplicas},
		{protocol.ConcurrentTransactions, 11, protocol.NotEnoughReplicas},
		{protocol.ClusterAuthorizationFailed, 11, protocol.InvalidTxnState},
	} {
		r := transactionalOf(one.version, int64(100+i), 0, 0)
		correlation := c.send(r)
		o.answer(o.next(), one.said)
		wantProduced(t, fmt.Sprintf("%v to version %d", one.said, one.version), c.produced(correlation, r)[0], one.want)
	}
	r := transactionalOf(12, 200, 0, 0)
	correlation := c.send(r)
	ask := o.next()
	ask.ReplyTo.Tell(brokers.Answered{Token: ask.Token, Err: link.ErrDown})
	wantProduced(t, "unreachable", c.produced(correlation, r)[0], protocol.NotEnoughReplicas)

	r = transactionalOf(12, 201, 0, 0)
	answered := make(chan struct{})
	go func() {
		for {
			select {
			case ask := <-o.asks:
				o.answer(ask, protocol.ConcurrentTransactions)
			case <-answered:
				return
			}
		}
	}()
	wantProduced(t, "still ending", c.produced(c.send(r), r)[0], protocol.ConcurrentTransactions)
	close(answered)
}

func TestTransactionalRequestsAreCheckedAsAWhole(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	c := s.dial()
	nobody := transactionalOf(9, 7, 0, 0, 1)
	wantProduced(t, "no topic of transactions", c.produced(c.send(nobody), nobody)[0], protocol.NotEnoughReplicas)
	o := s.coordinate(t)

	anonymous := transactionalOf(9, 7, 0, 0, 1)
	anonymous.TransactionID = nil
	two := transactionalOf(9, 7, 0, 0, 1)
	two.Topics[0].Partitions[1].Records = transactionalOf(9, 8, 0, 0).Topics[0].Partitions[0].Records
	for want, r := range map[protocol.Code]*kmsg.ProduceRequest{
		protocol.TransactionalIDAuthorizationFailed: anonymous, protocol.InvalidProducerIDMapping: two,
	} {
		for _, p := range c.produced(c.send(r), r) {
			wantProduced(t, "a whole request", p, want)
		}
	}
	plain := produceOf(9, -1, "orders", 0, batchOf("v"))
	name := "payments"
	plain.TransactionID = &name
	wantProduced(t, "no transactional records", c.produced(c.send(plain), plain)[0], protocol.None)
	o.quiet()
}

// A coordinator that does not answer holds up its own transaction for the time of the request, and what is
// behind it goes on; but the second batch must not be taken for the first.
func TestSilentCoordinatorEndsAtTheDeadline(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	o, c := s.coordinate(t), s.dial()
	first, second := transactionalOf(11, 7, 0, 0), transactionalOf(11, 7, 1, 0)
	first.TimeoutMillis = 50
	plain := produceOf(9, -1, "orders", 0, batchOf("v"))
	correlations := []int32{c.send(first), c.send(second), c.send(plain)}
	o.next()
	wantProduced(t, "unanswered", c.produced(correlations[0], first)[0], protocol.RequestTimedOut)
	o.answer(o.next(), protocol.None)
	wantProduced(t, "without the first", c.produced(correlations[1], second)[0], protocol.OutOfOrderSequenceNumber)
	wantProduced(t, "of another producer", c.produced(correlations[2], plain)[0], protocol.None)
}
