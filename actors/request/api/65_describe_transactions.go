package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeTransactions, version 0 (KIP-664). While the end of a transaction is carried out its partitions are
// those that do not know it yet.

func describeTransactions(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DescribeTransactionsRequest)
	task := askIDs(env)
	for _, id := range body.TransactionalIDs {
		one := question{key: id, body: coordinator.Describe{}}
		if id == "" {
			one.body, one.code = nil, protocol.InvalidRequest
		}
		task.items = append(task.items, one)
	}
	task.respond = func(items []question) kmsg.Response {
		response := kmsg.NewPtrDescribeTransactionsResponse()
		for i := range items {
			response.TransactionStates = append(response.TransactionStates, describedTransaction(&items[i]))
		}
		return response
	}
	return task
}

func describedTransaction(one *question) kmsg.DescribeTransactionsResponseTransactionState {
	answer := kmsg.NewDescribeTransactionsResponseTransactionState()
	answer.TransactionalID, answer.ErrorCode = one.key, int16(one.code)
	described, is := one.result.(coordinator.Description)
	if !is {
		return answer
	}
	record := &described.Record
	answer.State, answer.TimeoutMillis = record.State.String(), record.TimeoutMillis
	answer.StartTimestamp = record.Started
	answer.ProducerID, answer.ProducerEpoch = record.Producer.ID, record.Producer.Epoch
	places := record.Partitions
	if record.State.Prepared() {
		places = described.Unmarked
	}
	answer.Topics = topicsOf(places)
	return answer
}

// topicsOf groups partitions, which are in order.
func topicsOf(places []transaction.Place) []kmsg.DescribeTransactionsResponseTransactionStateTopic {
	var topics []kmsg.DescribeTransactionsResponseTransactionStateTopic
	for _, place := range places {
		if n := len(topics); n == 0 || topics[n-1].Topic != place.Topic {
			topic := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
			topic.Topic = place.Topic
			topics = append(topics, topic)
		}
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, place.Partition)
	}
	return topics
}
