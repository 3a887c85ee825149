package write

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// The first Produce versions whose clients know TRANSACTION_ABORTABLE, and whose clients leave it to the
// broker to add a partition to the transaction (KIP-890).
const (
	firstAbortable = 11
	firstAdding    = 12
)

// verifyVersion is the version of AddPartitionsToTxn between brokers.
const verifyVersion = 5

// The coordinator is asked again for so long while it is still ending the transaction before, at most so
// often (add.partitions.to.txn.retry.backoff.ms and .max.ms). A client that commits one transaction after the
// other comes while the markers of the last are being written, which takes about a millisecond: the first
// waits are short and double, so that its next transaction does not stand still for twenty.
const (
	verifyAgainFirst = time.Millisecond
	verifyAgainAfter = 20 * time.Millisecond
	verifyAgainFor   = 100 * time.Millisecond
)

// transaction is what the batches of a request belong to. Those that may be the first in their partition
// wait until the coordinator has said that the partition takes part; a client of the second generation has
// not told it, and it adds the partition now.
type transaction struct {
	env      *request.Env
	id       string
	producer int64
	epoch    int16
	version  int16 // of Produce
	asked    []unverified
}

// unverified is an append that waits.
type unverified struct {
	token        uint64
	verification *partition.Verification
}

// transactionOf looks for transactional batches in a request. Kafka refuses the whole request if it does not
// name their transaction, or if they are of several producers.
func transactionOf(env *request.Env, r *kmsg.ProduceRequest) (*transaction, error) {
	var t *transaction
	for i := range r.Topics {
		for j := range r.Topics[i].Partitions {
			h, ok := batch.PeekHeader(r.Topics[i].Partitions[j].Records)
			switch {
			case !ok || !h.IsTransactional():
			case r.TransactionID == nil:
				return nil, protocol.Errorf(protocol.TransactionalIDAuthorizationFailed,
					"transactional records in a request without a transactional id")
			case t == nil:
				t = &transaction{
					env: env, id: *r.TransactionID, producer: h.ProducerID, epoch: h.ProducerEpoch, version: r.Version,
				}
			case t.producer != h.ProducerID || t.epoch != h.ProducerEpoch:
				return nil, protocol.Errorf(protocol.InvalidProducerIDMapping,
					"transactional records of more than one producer id")
			}
		}
	}
	return t, nil
}

// verify notes that an append wants to begin a transaction in its partition, if it does.
func (t *transaction) verify(p *Proposal, now int64) error {
	b := p.Append.Batch
	verification, err := p.Replica.Verify(
		b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), t.version >= firstAdding, now)
	if err != nil {
		return err
	}
	p.Append.Verification = verification
	if verification != nil && !verification.Confirmed(b.ProducerEpoch()) {
		t.asked = append(t.asked, unverified{p.Token, verification})
	}
	return nil
}

// coordinator returns the broker that coordinates the transaction, partition.NoLeader if none is known.
func (t *transaction) coordinator() int32 { return t.env.Coordinator(image.TransactionsTopic, t.id) }

// question asks the coordinator about the partitions of the appends that wait.
func (t *transaction) question(places []place) *kmsg.AddPartitionsToTxnRequest {
	one := kmsg.NewAddPartitionsToTxnRequestTransaction()
	one.TransactionalID, one.ProducerID, one.ProducerEpoch = t.id, t.producer, t.epoch
	one.VerifyOnly = t.version < firstAdding
	for i := range t.asked {
		replica := places[t.asked[i].token].replica
		if n := len(one.Topics); n == 0 || one.Topics[n-1].Topic != replica.Topic {
			topic := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
			topic.Topic = replica.Topic
			one.Topics = append(one.Topics, topic)
		}
		topic := &one.Topics[len(one.Topics)-1]
		topic.Partitions = append(topic.Partitions, replica.Partition)
	}
	question := kmsg.NewPtrAddPartitionsToTxnRequest()
	question.Version = verifyVersion
	question.Transactions = append(question.Transactions, one)
	return question
}

// codes returns what the coordinator says of each append that waits, in their order.
func (t *transaction) codes(places []place, m brokers.Answered) []protocol.Code {
	answer, ok := m.Response.(*kmsg.AddPartitionsToTxnResponse)
	whole := protocol.NetworkException
	if ok && m.Err == nil {
		whole = protocol.Code(answer.ErrorCode)
	}
	if whole != protocol.None {
		return t.all(whole)
	}
	codes := make([]protocol.Code, len(t.asked))
	said := make(map[topicPartition]protocol.Code, len(codes))
	for _, one := range answer.Transactions {
		for _, topic := range one.Topics {
			for _, p := range topic.Partitions {
				said[topicPartition{topic.Topic, p.Partition}] = protocol.Code(p.ErrorCode)
			}
		}
	}
	for i := range t.asked {
		replica := places[t.asked[i].token].replica
		code, told := said[topicPartition{replica.Topic, replica.Partition}]
		if !told {
			code = protocol.UnknownServerError
		}
		codes[i] = code
	}
	return codes
}

// all returns one code for each append that waits.
func (t *transaction) all(code protocol.Code) []protocol.Code {
	codes := make([]protocol.Code, len(t.asked))
	for i := range codes {
		codes[i] = code
	}
	return codes
}

type topicPartition struct {
	topic     string
	partition int32
}

// again tells whether the coordinator should be asked once more: it is ending the transaction before. Older
// clients are told to send again, as they have asked it themselves before they came here.
func (t *transaction) again(codes []protocol.Code) bool {
	for _, code := range codes {
		if code == protocol.ConcurrentTransactions {
			return t.version >= firstAdding
		}
	}
	return false
}

// refusal returns what the client is told if the coordinator does not say yes, as Kafka's ReplicaManager and
// AddPartitionsToTxnManager translate it.
func (t *transaction) refusal(code protocol.Code) error {
	retriable := func() error {
		return protocol.Errorf(protocol.NotEnoughReplicas,
			"it could not be verified that the partition belongs to the transaction: %v", code)
	}
	switch code {
	case protocol.None:
		return nil
	case protocol.ProducerFenced:
		return protocol.Errorf(protocol.InvalidProducerEpoch, "the coordinator knows a later epoch of the producer")
	case protocol.NetworkException, protocol.CoordinatorLoadInProgress, protocol.CoordinatorNotAvailable,
		protocol.NotCoordinator:
		return retriable()
	case protocol.ConcurrentTransactions:
		if t.version < firstAdding {
			return retriable()
		}
	case protocol.TransactionAbortable:
		if t.version < firstAbortable {
			code = protocol.InvalidTxnState
		}
	case protocol.ClusterAuthorizationFailed:
		code = protocol.InvalidTxnState
	}
	return protocol.Errorf(code, "the coordinator does not have the partition in the transaction")
}
