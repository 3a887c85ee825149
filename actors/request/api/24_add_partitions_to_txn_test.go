package api

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// keeper stands for the actor "transactions": it keeps what it is asked and gives the answers it has, in order.
// Without an answer it is silent.
type keeper struct {
	asked   []coordinator.Ask
	answers []coordinators.Answered
}

func keepIDs(h *host) *keeper {
	k := &keeper{}
	h.env.Transactions = kit.AddressFor("transactions", func(message any) {
		m := message.(coordinator.Ask)
		k.asked = append(k.asked, m)
		if len(k.answers) > 0 {
			m.Answer(k.answers[0].Code, k.answers[0].Result)
			k.answers = k.answers[1:]
		}
	})
	return k
}

// addPartitions returns the request of a client, or from version 4 on that of a broker.
func addPartitions(version int16, id string, verify bool, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	r := kmsg.NewPtrAddPartitionsToTxnRequest()
	r.Version, r.TransactionalID, r.ProducerID, r.ProducerEpoch = version, id, 7, 3
	topic := kmsg.NewAddPartitionsToTxnRequestTopic()
	topic.Topic, topic.Partitions = "orders", partitions
	r.Topics = append(r.Topics, topic)
	one := kmsg.NewAddPartitionsToTxnRequestTransaction()
	one.TransactionalID, one.ProducerID, one.ProducerEpoch, one.VerifyOnly = id, 7, 3, verify
	later := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
	later.Topic, later.Partitions = "orders", partitions
	one.Topics = append(one.Topics, later)
	r.Transactions = append(r.Transactions, one)
	return r
}

// codesOf returns the codes of the first transaction and topic of an answer.
func codesOf(answer *kmsg.AddPartitionsToTxnResponse) (codes []protocol.Code) {
	if answer.Version < 4 {
		for _, p := range answer.Topics[0].Partitions {
			codes = append(codes, protocol.Code(p.ErrorCode))
		}
		return codes
	}
	for _, p := range answer.Transactions[0].Topics[0].Partitions {
		codes = append(codes, protocol.Code(p.ErrorCode))
	}
	return codes
}

func TestPartitionsBelongToATransactionTogether(t *testing.T) {
	versions(t, kmsg.AddPartitionsToTxn, func(t *testing.T, version int16) {
		h := newHost(t)
		h.topic("orders", 2, nil)
		k := keepIDs(h)
		want := func(name string, r *kmsg.AddPartitionsToTxnRequest, codes ...protocol.Code) {
			t.Helper()
			if got := codesOf(ask[*kmsg.AddPartitionsToTxnResponse](h, r)); !slices.Equal(got, codes) {
				t.Errorf("%s: got %v, want %v", name, got, codes)
			}
		}
		want("no id", addPartitions(version, "", false, 0), protocol.InvalidRequest)
		want("one is missing", addPartitions(version, "id", false, 0, 2),
			protocol.OperationNotAttempted, protocol.UnknownTopicOrPartition)
		if len(k.asked) > 0 {
			t.Errorf("the coordinator was asked %+v", k.asked)
		}
		k.answers = []coordinators.Answered{{}, {Code: protocol.ProducerFenced}}
		want("added", addPartitions(version, "id", false, 1, 0), protocol.None, protocol.None)
		add := k.asked[0].Body.(coordinator.Add)
		if (add.Generation == transaction.SecondGeneration) != (version > 3) || len(add.Places) != 2 {
			t.Errorf("got question %+v", add)
		}
		fenced := protocol.ProducerFenced
		if version < 2 {
			fenced = protocol.InvalidProducerEpoch
		}
		want("fenced", addPartitions(version, "id", false, 0), fenced)
		want("no answer", addPartitions(version, "id", false, 0), protocol.CoordinatorNotAvailable)
	})
}

func TestBrokersVerifyPartitions(t *testing.T) {
	h := newHost(t)
	h.topic("orders", 2, nil)
	k := keepIDs(h)
	for version := int16(4); version <= 5; version++ {
		k.answers = []coordinators.Answered{
			{Result: []protocol.Code{protocol.None, protocol.TransactionAbortable}},
			{Code: protocol.InvalidProducerIDMapping},
		}
		r := addPartitions(version, "id", true, 0, 1)
		second := addPartitions(version, "another", true, 1)
		r.Transactions = append(r.Transactions, second.Transactions...)
		answer := ask[*kmsg.AddPartitionsToTxnResponse](h, r)
		if got, want := codesOf(answer), []protocol.Code{0, protocol.TransactionAbortable}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		other := answer.Transactions[1]
		if other.TransactionalID != "another" || protocol.Code(other.Topics[0].Partitions[0].ErrorCode) !=
			protocol.InvalidProducerIDMapping {
			t.Errorf("got %+v for another transaction", other)
		}
	}
}
