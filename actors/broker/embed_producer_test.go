package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/memnet"
	"github.com/chronik-go/chronik/protocol"
)

// requestOf makes a request of the node until it answers without an error.
func requestOf[R kmsg.Response](t *testing.T, node *Running, body kmsg.Request, code func(R) int16) R {
	t.Helper()
	for {
		got := askNode[Responded](t, node, func(a kit.Address) any { return Request{Body: body, ReplyTo: a} })
		response, ok := got.Body.(R)
		if got.Err != nil || !ok {
			t.Fatalf("%s: got %+v", kmsg.NameForKey(body.Key()), got)
		}
		switch protocol.Code(code(response)) {
		case protocol.None:
			return response
		case protocol.NotCoordinator, protocol.CoordinatorNotAvailable, protocol.CoordinatorLoadInProgress,
			protocol.ConcurrentTransactions: // it is being made
		default:
			t.Fatalf("%s: got %+v", kmsg.NameForKey(body.Key()), response)
		}
	}
}

// TestTransactionWithoutASocket: the second batch is told while the first is verified, and does not overtake it;
// one that is told twice is written once.
func TestTransactionWithoutASocket(t *testing.T) {
	node := embedded(t, t.TempDir(), memnet.New(), "here", nil)
	defer stopNode(t, node)
	createTopic(t, node, "orders")
	id := "payments"
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorType, find.CoordinatorKeys = 1, []string{id}
	find.SetVersion(4)
	requestOf(t, node, find, func(r *kmsg.FindCoordinatorResponse) int16 { return r.Coordinators[0].ErrorCode })
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis = &id, 60_000
	begin.SetVersion(4)
	producer := requestOf(t, node, begin, func(r *kmsg.InitProducerIDResponse) int16 { return r.ErrorCode })

	answers := make(chan Produced, 3)
	replyTo := kit.AddressFor("application", func(message any) { answers <- message.(Produced) })
	for i, sequence := range []int32{0, 1, 0} {
		node.Broker().Tell(Produce{
			Topic: "orders", Records: []Record{{Value: []byte{byte('a' + sequence)}}}, ReplyTo: replyTo, Token: uint64(i),
			Producer: &Producer{
				ID: producer.ProducerID, Epoch: producer.ProducerEpoch, Sequence: sequence, TransactionalID: id,
			},
		})
	}
	for range 3 {
		got := <-answers
		if want := int64(got.Token % 2); got.Err != nil || got.BaseOffset != want {
			t.Errorf("batch %d: got %+v, want offset %d", got.Token, got, want)
		}
	}
	open := fetchFrom(t, node, Fetch{Topic: "orders", Committed: true})
	if open.Err != nil || len(open.Records) != 0 {
		t.Errorf("got %+v before the end of the transaction, want nothing", open)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = id, producer.ProducerID, producer.ProducerEpoch, true
	end.SetVersion(5)
	requestOf(t, node, end, func(r *kmsg.EndTxnResponse) int16 { return r.ErrorCode })
	got := fetchFrom(t, node, Fetch{Topic: "orders", Committed: true, MinBytes: 1, Wait: patience})
	if got.Err != nil || len(got.Records) != 2 || string(got.Records[0].Value) != "a" || string(got.Records[1].Value) != "b" {
		t.Errorf("got %+v, want both records once", got)
	}
}
