package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// AddPartitionsToTxn, versions 0-5
//
//	2    PRODUCER_FENCED
//	3    flexible
//	4    several transactions at once, verification only; sent by brokers (KIP-890)
//	5    TRANSACTION_ABORTABLE
//
// Partitions of a transaction belong to it all together: if one of them does not exist none is added, and the
// others are told OPERATION_NOT_ATTEMPTED.

func addPartitionsToTxn(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.AddPartitionsToTxnRequest)
	added := &partitionsAnswer{version: body.Version}
	if body.Version < 4 {
		one := kmsg.NewAddPartitionsToTxnRequestTransaction()
		one.TransactionalID = body.TransactionalID
		one.ProducerID, one.ProducerEpoch = body.ProducerID, body.ProducerEpoch
		for _, topic := range body.Topics {
			t := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
			t.Topic, t.Partitions = topic.Topic, topic.Partitions
			one.Topics = append(one.Topics, t)
		}
		added.transactions = []kmsg.AddPartitionsToTxnRequestTransaction{one}
	} else {
		added.transactions = body.Transactions
	}
	task := askIDs(env)
	task.respond = added.response
	current := env.Image()
	for i := range added.transactions {
		task.items = append(task.items, added.ask(current, &added.transactions[i]))
	}
	return task
}

// partitionsAnswer builds the answer.

type partitionsAnswer struct {
	version      int16
	transactions []kmsg.AddPartitionsToTxnRequestTransaction
}

// ask returns the question to the coordinator, with a known answer if it is not asked.
func (p *partitionsAnswer) ask(current *image.Image, t *kmsg.AddPartitionsToTxnRequestTransaction) question {
	one := question{key: t.TransactionalID}
	if t.TransactionalID == "" {
		one.code = protocol.InvalidRequest
		return one
	}
	var places []transaction.Place
	codes, missing := []protocol.Code(nil), false
	for _, topic := range t.Topics {
		for _, index := range topic.Partitions {
			code := protocol.OperationNotAttempted
			if _, exists := current.Topic(topic.Topic).Partition(index); !exists {
				code, missing = protocol.UnknownTopicOrPartition, true
			}
			places = append(places, transaction.Place{Topic: topic.Topic, Partition: index})
			codes = append(codes, code)
		}
	}
	producer := transaction.Producer{ID: t.ProducerID, Epoch: t.ProducerEpoch}
	switch {
	case missing:
		one.result = codes
	case t.VerifyOnly:
		one.body = coordinator.Verify{Producer: producer, Places: places}
	default:
		one.body = coordinator.Add{Producer: producer, Places: places, Generation: p.generation()}
	}
	return one
}

// generation is what the client works with: brokers add partitions for those of the second generation only.
func (p *partitionsAnswer) generation() int16 {
	if p.version > 3 {
		return transaction.SecondGeneration
	}
	return transaction.FirstGeneration
}

func (p *partitionsAnswer) response(items []question) kmsg.Response {
	response := kmsg.NewPtrAddPartitionsToTxnResponse()
	for i := range p.transactions {
		topics := p.topics(&p.transactions[i], &items[i])
		if p.version < 4 {
			response.Topics = firstTopics(topics)
			break
		}
		one := kmsg.NewAddPartitionsToTxnResponseTransaction()
		one.TransactionalID, one.Topics = p.transactions[i].TransactionalID, topics
		response.Transactions = append(response.Transactions, one)
	}
	return response
}

func (p *partitionsAnswer) topics(t *kmsg.AddPartitionsToTxnRequestTransaction, one *question,
) []kmsg.AddPartitionsToTxnResponseTransactionTopic {
	codes, each := one.result.([]protocol.Code)
	var topics []kmsg.AddPartitionsToTxnResponseTransactionTopic
	next := 0
	for _, topic := range t.Topics {
		answer := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
		answer.Topic = topic.Topic
		for _, index := range topic.Partitions {
			code := one.code
			if each && code == protocol.None {
				code = codes[next]
			}
			next++
			part := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
			part.Partition, part.ErrorCode = index, fencedBefore(2, p.version, code)
			answer.Partitions = append(answer.Partitions, part)
		}
		topics = append(topics, answer)
	}
	return topics
}

// firstTopics is the form of the versions below 4.
func firstTopics(topics []kmsg.AddPartitionsToTxnResponseTransactionTopic,
) []kmsg.AddPartitionsToTxnResponseTopic {
	list := make([]kmsg.AddPartitionsToTxnResponseTopic, 0, len(topics))
	for _, topic := range topics {
		answer := kmsg.NewAddPartitionsToTxnResponseTopic()
		answer.Topic = topic.Topic
		for _, p := range topic.Partitions {
			part := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, p.ErrorCode
			answer.Partitions = append(answer.Partitions, part)
		}
		list = append(list, answer)
	}
	return list
}
