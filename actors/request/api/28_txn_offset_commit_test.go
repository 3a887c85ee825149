package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/link"
)

// transactionWorld is a broker that leads everything. The coordinator of transactions and the group answer what
// they are told to.
type transactionWorld struct {
	*host
	asked   []brokers.Ask
	verdict protocol.Code // of the partition
	lost    bool          // the coordinator does not answer
	commits []consumers.Ask
	code    protocol.Code // of the group
}

func newTransactionWorld(t *testing.T) *transactionWorld {
	w := &transactionWorld{host: newHost(t)}
	for _, name := range []string{image.OffsetsTopic, image.TransactionsTopic, "orders"} {
		w.topic(name, 1, nil)
		w.lead(name, 0, hostNode, 3, true)
	}
	w.env.Brokers = w.system.Spawn("brokers", kit.Spec{New: func() kit.Actor { return brokersOf{w} }})
	w.env.Groups = w.system.Spawn("groups", kit.Spec{New: func() kit.Actor { return groupsOf{w} }})
	return w
}

type brokersOf struct{ *transactionWorld }

func (b brokersOf) Receive(c *kit.Context) {
	m, is := c.Message().(brokers.Ask)
	if !is {
		return
	}
	b.asked = append(b.asked, m)
	if b.lost {
		m.ReplyTo.Tell(brokers.Answered{Token: m.Token, Err: link.ErrDown})
		return
	}
	asked := m.Request.(*kmsg.AddPartitionsToTxnRequest).Transactions[0]
	p := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
	p.Partition, p.ErrorCode = asked.Topics[0].Partitions[0], int16(b.verdict)
	topic := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
	topic.Topic, topic.Partitions = asked.Topics[0].Topic, append(topic.Partitions, p)
	transaction := kmsg.NewAddPartitionsToTxnResponseTransaction()
	transaction.TransactionalID, transaction.Topics = asked.TransactionalID, append(transaction.Topics, topic)
	response := kmsg.NewPtrAddPartitionsToTxnResponse()
	response.Transactions = append(response.Transactions, transaction)
	m.ReplyTo.Tell(brokers.Answered{Token: m.Token, Response: response})
}

type groupsOf struct{ *transactionWorld }

func (g groupsOf) Receive(c *kit.Context) {
	m, is := c.Message().(consumers.Ask)
	if !is {
		return
	}
	g.commits = append(g.commits, m)
	if g.code != protocol.None {
		m.Answer(g.code, nil)
		return
	}
	m.Answer(protocol.None, make([]protocol.Code, len(m.Body.(consumers.Commit).Items)))
}

// txnCommit asks for offsets of two partitions, of which the second does not exist, and returns both codes.
func (w *transactionWorld) txnCommit(version int16, group string) [2]protocol.Code {
	w.Helper()
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.Version, r.TransactionalID, r.Group, r.ProducerID, r.ProducerEpoch = version, "tx", group, 7, 2
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic = "orders"
	for index := range int32(2) {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = index, 42
		topic.Partitions = append(topic.Partitions, p)
	}
	r.Topics = append(r.Topics, topic)
	got := ask[*kmsg.TxnOffsetCommitResponse](w.host, r)
	var codes [2]protocol.Code
	for i, p := range got.Topics[0].Partitions {
		codes[i] = protocol.Code(p.ErrorCode)
	}
	return codes
}

func TestOffsetsAreCommittedInAVerifiedTransaction(t *testing.T) {
	versions(t, kmsg.TxnOffsetCommit, func(t *testing.T, version int16) {
		w := newTransactionWorld(t)
		if got := w.txnCommit(version, "g"); got != [2]protocol.Code{protocol.None, protocol.UnknownTopicOrPartition} {
			t.Fatalf("got %v", got)
		}
		if len(w.asked) != 1 || w.asked[0].Node != hostNode {
			t.Fatalf("got %+v, want the coordinator asked once", w.asked)
		}
		one := w.asked[0].Request.(*kmsg.AddPartitionsToTxnRequest).Transactions[0]
		if one.TransactionalID != "tx" || one.ProducerID != 7 || one.ProducerEpoch != 2 ||
			one.VerifyOnly != (version < 5) || one.Topics[0].Topic != image.OffsetsTopic {
			t.Errorf("the coordinator was asked %+v", one)
		}
		commit := w.commits[0].Body.(consumers.Commit)
		if commit.Transaction.ProducerID != 7 || commit.Transaction.ProducerEpoch != 2 ||
			commit.Transaction.Verification == nil || len(commit.Items) != 1 || commit.Items[0].Offset.Offset != 42 {
			t.Errorf("the group was asked %+v", commit)
		}
	})
}

func TestTxnOffsetCommitIsRefusedInWordsThatClientsKnow(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *transactionWorld)
		version int16
		group   string
		want    protocol.Code
	}{
		"no group":       {func(*transactionWorld) {}, 5, "", protocol.InvalidGroupID},
		"not here":       {func(w *transactionWorld) { w.lead(image.OffsetsTopic, 0, 2, 4, false) }, 5, "g", protocol.NotCoordinator},
		"no coordinator": {func(w *transactionWorld) { w.lead(image.TransactionsTopic, 0, -1, 4, false) }, 5, "g", protocol.CoordinatorNotAvailable},
		"fenced":         {func(w *transactionWorld) { w.verdict = protocol.ProducerFenced }, 5, "g", protocol.InvalidProducerEpoch},
		"no transaction": {func(w *transactionWorld) { w.verdict = protocol.InvalidTxnState }, 3, "g", protocol.InvalidTxnState},
		"abortable":      {func(w *transactionWorld) { w.verdict = protocol.TransactionAbortable }, 4, "g", protocol.TransactionAbortable},
		"abortable, old": {func(w *transactionWorld) { w.verdict = protocol.TransactionAbortable }, 3, "g", protocol.InvalidTxnState},
		"lost":           {func(w *transactionWorld) { w.lost = true }, 3, "g", protocol.CoordinatorLoadInProgress},
		"lost, old":      {func(w *transactionWorld) { w.lost = true }, 1, "g", protocol.CoordinatorNotAvailable},
		"generation":     {func(w *transactionWorld) { w.code = protocol.IllegalGeneration }, 3, "g", protocol.IllegalGeneration},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTransactionWorld(t)
			c.prepare(w)
			if got := w.txnCommit(c.version, c.group); got != [2]protocol.Code{c.want, protocol.UnknownTopicOrPartition} {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
