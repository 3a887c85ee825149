package records

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol/batch"
)

// keyVersion is the one version of keys.
const keyVersion = 0

// Key returns the transactional id that a key stands for, false if it stands for something else.
func Key(data []byte) (string, bool) {
	if len(data) < 2 || binary.BigEndian.Uint16(data) != keyVersion {
		return "", false
	}
	var key kmsg.TxnMetadataKey
	if key.ReadFrom(data) != nil {
		return "", false
	}
	return key.TransactionalID, true
}

// Read decodes a value.
func Read(data []byte) (transaction.Record, error) {
	value := kmsg.NewTxnMetadataValue()
	if err := value.ReadFrom(data); err != nil {
		return transaction.Record{}, err
	}
	state := transaction.State(value.State)
	switch {
	case value.Version > 1:
		return transaction.Record{}, fmt.Errorf("value of version %d, want at most 1", value.Version)
	case !state.Valid():
		return transaction.Record{}, fmt.Errorf("there is no state %d", state)
	}
	r := transaction.Record{
		Producer: transaction.Producer{ID: value.ProducerID, Epoch: value.ProducerEpoch},
		Previous: value.PreviousProducerID, Next: value.NextProducerID, LastEpoch: transaction.NoEpoch,
		TimeoutMillis: value.TimeoutMillis, State: state,
		Started: value.StartTimestamp, Updated: value.LastUpdateTimestamp,
		ClientVersion: value.ClientTransactionVersion,
	}
	var places []transaction.Place
	for _, topic := range value.Topics {
		for _, p := range topic.Partitions {
			places = append(places, transaction.Place{Topic: topic.Topic, Partition: p})
		}
	}
	r.SetPartitions(places)
	return r, nil
}

// Record returns the record of a transactional id; nil is the one that removes it. The generation is what the
// cluster works with.
func Record(id string, r *transaction.Record, generation int16) batch.Record {
	key := kmsg.TxnMetadataKey{Version: keyVersion, TransactionalID: id}
	record := batch.Record{Key: key.AppendTo(nil)}
	if r == nil {
		return record
	}
	value := kmsg.NewTxnMetadataValue()
	value.Version = min(generation, 1)
	value.ProducerID, value.ProducerEpoch = r.Producer.ID, r.Producer.Epoch
	value.PreviousProducerID, value.NextProducerID = r.Previous, r.Next
	value.TimeoutMillis, value.State = r.TimeoutMillis, kmsg.TransactionState(r.State)
	value.LastUpdateTimestamp, value.StartTimestamp = r.Updated, r.Started
	value.ClientTransactionVersion = r.ClientVersion
	if r.State != transaction.Empty {
		value.Topics = topics(r.Partitions)
	}
	record.Value = value.AppendTo(nil)
	return record
}

// topics groups places, which are in order. It is never nil, which would stand for an empty state.
func topics(places []transaction.Place) []kmsg.TxnMetadataValueTopic {
	list := []kmsg.TxnMetadataValueTopic{}
	for _, place := range places {
		if len(list) == 0 || list[len(list)-1].Topic != place.Topic {
			topic := kmsg.NewTxnMetadataValueTopic()
			topic.Topic = place.Topic
			list = append(list, topic)
		}
		last := &list[len(list)-1]
		last.Partitions = append(last.Partitions, place.Partition)
	}
	return list
}
