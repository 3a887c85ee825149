package api

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// TxnOffsetCommit, versions 0-5 (KIP-98)
//
//	2    leader epochs (KIP-320); clients know COORDINATOR_LOAD_IN_PROGRESS
//	3    flexible; the member on whose behalf is committed (KIP-447)
//	4    clients know TRANSACTION_ABORTABLE (KIP-890)
//	5    the group's partition becomes part of the transaction by this request (KIP-890, second part)
//
// The coordinator of the transaction is asked first whether the group's partition of __consumer_offsets is
// part of it, unless the transaction has begun there: what comes late must not begin one that nobody ends. In
// version 5 it is told, which is the same question. Then the group is asked. Each partition has its own
// outcome; those that do not exist are not passed on.

func txnOffsetCommit(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.TxnOffsetCommitRequest)
	t := &transactionalCommit{look: look{env, env.Image()}, client: client, request: body}
	t.timeout = env.Settings.RequestTimeout
	t.commit = consumers.Commit{
		Generation: body.Generation, MemberID: body.MemberID, InstanceID: body.InstanceID,
	}
	for i := range body.Topics {
		topic := t.image.Topic(body.Topics[i].Topic)
		for j := range body.Topics[i].Partitions {
			p := &body.Topics[i].Partitions[j]
			if _, exists := topic.Partition(p.Partition); !exists {
				t.outcomes = append(t.outcomes, protocol.UnknownTopicOrPartition)
				continue
			}
			t.outcomes = append(t.outcomes, passedOn)
			t.commit.Items = append(t.commit.Items, transactionalItem(topic.Name, p))
		}
	}
	return t
}

func transactionalItem(topic string, p *kmsg.TxnOffsetCommitRequestTopicPartition) consumers.CommitItem {
	item := consumers.CommitItem{
		Place:     offsets.Place{Topic: topic, Partition: p.Partition},
		Offset:    records.Offset{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch},
		Retention: -1,
	}
	if p.Metadata != nil {
		item.Metadata = *p.Metadata
	}
	return item
}

// transactionalCommit is the task of a TxnOffsetCommit request.
//
//	verifying     the coordinator of the transaction is asked
//	committing    the group is asked
//	done
type transactionalCommit struct {
	look
	client   request.Client
	request  *kmsg.TxnOffsetCommitRequest
	outcomes []protocol.Code // one for each partition of the request
	commit   consumers.Commit
	timeout  time.Duration

	code  protocol.Code   // of all that is passed on
	codes []protocol.Code // of each, if there is none of all
}

// Start implements call.Task.
func (t *transactionalCommit) Start(q *call.Questions) {
	if len(t.commit.Items) == 0 {
		return
	}
	if t.request.Group == "" {
		t.code = protocol.InvalidGroupID
		return
	}
	replica := t.partition()
	if replica == nil || !replica.Leadership().Ready {
		t.code = protocol.NotCoordinator
		return
	}
	verification, err := replica.Verify(t.request.ProducerID, t.request.ProducerEpoch, batch.NoSequence,
		t.request.Version >= 5, t.env.Now().UnixMilli())
	if err != nil {
		t.code = codeOfVerification(protocol.CodeOf(err), t.request.Version)
		return
	}
	t.commit.Transaction = &consumers.Transaction{
		ProducerID: t.request.ProducerID, ProducerEpoch: t.request.ProducerEpoch, Verification: verification,
	}
	if verification == nil || verification.Confirmed(t.request.ProducerEpoch) {
		t.ask(q)
		return
	}
	t.verify(q, replica)
}

// partition returns the replica of the group's partition of __consumer_offsets on this broker, nil for none.
func (t *transactionalCommit) partition() *partition.Replica {
	topic := t.image.Topic(image.OffsetsTopic)
	if topic == nil {
		return nil
	}
	index := coordinators.PartitionOf(t.request.Group, int32(len(topic.Partitions)))
	return t.env.Replicas.LookupID(topic.ID, index)
}

// verify asks the coordinator of the transaction.
func (t *transactionalCommit) verify(q *call.Questions, replica *partition.Replica) {
	node, found := t.coordinatorOf(t.request.TransactionalID)
	if !found {
		t.code = protocol.CoordinatorNotAvailable
		return
	}
	topic := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
	topic.Topic, topic.Partitions = replica.Topic, []int32{replica.Partition}
	transaction := kmsg.NewAddPartitionsToTxnRequestTransaction()
	transaction.TransactionalID = t.request.TransactionalID
	transaction.ProducerID, transaction.ProducerEpoch = t.request.ProducerID, t.request.ProducerEpoch
	transaction.VerifyOnly = t.request.Version < 5
	transaction.Topics = append(transaction.Topics, topic)
	question := kmsg.NewPtrAddPartitionsToTxnRequest()
	question.Version = 5
	question.Transactions = append(question.Transactions, transaction)
	t.code = protocol.CoordinatorLoadInProgress // until there is an answer, as Kafka tells a timeout
	q.Ask(t.env.Brokers, func(replyTo kit.Address, token uint64) any {
		return brokers.Ask{Node: node, Request: question, Timeout: t.timeout, ReplyTo: replyTo, Token: token}
	})
}

// coordinatorOf returns the broker that coordinates a transactional id: the leader of its partition of
// __transaction_state, which is found as that of a group is.
func (l look) coordinatorOf(id string) (int32, bool) {
	topic := l.image.Topic(image.TransactionsTopic)
	if topic == nil {
		return 0, false
	}
	p, _ := topic.Partition(coordinators.PartitionOf(id, int32(len(topic.Partitions))))
	leader := l.placement(p, l.topic(topic)).leader
	return leader, leader != partition.NoLeader
}

// ask asks the group.
func (t *transactionalCommit) ask(q *call.Questions) {
	t.code = protocol.CoordinatorNotAvailable // until there is an answer
	q.Ask(t.env.Groups, func(replyTo kit.Address, token uint64) any {
		return consumers.Ask{
			Group: t.request.Group, Body: t.commit, ReplyTo: replyTo, Token: token,
			Client: classic.Client{ID: t.client.ID, Host: "/" + t.client.Host},
		}
	})
}

// Answer implements call.Task.
func (t *transactionalCommit) Answer(q *call.Questions, reply any) {
	switch m := reply.(type) {
	case brokers.Answered:
		if t.code = t.verified(m); t.code == protocol.None {
			t.commit.Transaction.Verification.Confirm(t.request.ProducerEpoch)
			t.ask(q)
		}
	case coordinators.Answered:
		t.code = m.Code
		t.codes, _ = m.Result.([]protocol.Code)
	}
}

// verified returns what came of the question whether the partition is part of the transaction.
func (t *transactionalCommit) verified(m brokers.Answered) protocol.Code {
	response, is := m.Response.(*kmsg.AddPartitionsToTxnResponse)
	switch {
	case !is:
		return codeOfVerification(protocol.NetworkException, t.request.Version)
	case response.ErrorCode != 0:
		return codeOfVerification(protocol.Code(response.ErrorCode), t.request.Version)
	}
	for _, transaction := range response.Transactions {
		for _, topic := range transaction.Topics {
			for _, p := range topic.Partitions {
				return codeOfVerification(protocol.Code(p.ErrorCode), t.request.Version)
			}
		}
	}
	return protocol.UnknownServerError
}

// codeOfVerification turns what the coordinator says into what clients of this version expect, as Kafka's
// AddPartitionsToTxnManager and CoordinatorRuntime do.
func codeOfVerification(code protocol.Code, version int16) protocol.Code {
	switch {
	case code == protocol.ProducerFenced:
		return protocol.InvalidProducerEpoch
	case code == protocol.TransactionAbortable && version < 4, code == protocol.ClusterAuthorizationFailed:
		return protocol.InvalidTxnState
	case code == protocol.NetworkException:
		return protocol.CoordinatorLoadInProgress // which older clients repeat without looking for us again
	case code == protocol.NotEnoughReplicas:
		return protocol.CoordinatorNotAvailable
	}
	return code
}

// Response implements call.Task.
func (t *transactionalCommit) Response() kmsg.Response {
	response := kmsg.NewPtrTxnOffsetCommitResponse()
	outcomes, codes := t.outcomes, t.codes
	for _, topic := range t.request.Topics {
		answer := kmsg.NewTxnOffsetCommitResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			code := outcomes[0]
			outcomes = outcomes[1:]
			if code == passedOn {
				if code = t.code; code == protocol.None {
					code, codes = codes[0], codes[1:]
				}
			}
			if code == protocol.CoordinatorLoadInProgress && t.request.Version < 2 {
				code = protocol.CoordinatorNotAvailable // the other would end clients before Kafka 2.0
			}
			one := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, int16(code)
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// Deadline implements call.Task.
func (t *transactionalCommit) Deadline() time.Duration { return t.timeout }
