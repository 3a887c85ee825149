package api

import (
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

func producersRequest(topic string, partitions ...int32) *kmsg.DescribeProducersRequest {
	r := kmsg.NewPtrDescribeProducersRequest()
	t := kmsg.NewDescribeProducersRequestTopic()
	t.Topic, t.Partitions = topic, partitions
	r.Topics = append(r.Topics, t)
	return r
}

func (h *host) producers(r *kmsg.DescribeProducersRequest) []kmsg.DescribeProducersResponseTopicPartition {
	h.Helper()
	return ask[*kmsg.DescribeProducersResponse](h, r).Topics[0].Partitions
}

func TestDescribeProducers(t *testing.T) {
	h := orders(t)
	records := []batch.Record{{Timestamp: 1000, Value: []byte("a")}, {Timestamp: 2000, Value: []byte("b")}}
	producer := &batch.Producer{ID: 77, Epoch: 3, Sequence: 0}
	h.write("orders", 0, batch.Build(batch.Options{Producer: producer}, records...))
	got := h.producers(producersRequest("orders", 0))[0]
	wantCode(t, "producers", got.ErrorCode, protocol.None)
	want := kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
		ProducerID: 77, ProducerEpoch: 3, LastSequence: 1, LastTimestamp: 2000,
		CoordinatorEpoch: -1, CurrentTxnStartOffset: -1,
	}
	if len(got.ActiveProducers) != 1 || !reflect.DeepEqual(got.ActiveProducers[0], want) {
		t.Errorf("got %+v, want %+v", got.ActiveProducers, want)
	}
}

func TestDescribeProducersErrors(t *testing.T) {
	h := orders(t)
	h.lead("orders", 1, 2, 8, false)
	got := h.producers(producersRequest("orders", 0, 1, 2, 0))
	if len(got) != 4 {
		t.Fatalf("got %d answers, want one for each that was asked", len(got))
	}
	wantCode(t, "leader", got[0].ErrorCode, protocol.None)
	wantCode(t, "led by another broker", got[1].ErrorCode, protocol.NotLeaderOrFollower)
	wantCode(t, "no such partition", got[2].ErrorCode, protocol.UnknownTopicOrPartition)
	wantCode(t, "named again", got[3].ErrorCode, protocol.None)

	unknown := h.producers(producersRequest("nobody", 0))[0]
	wantCode(t, "no such topic", unknown.ErrorCode, protocol.UnknownTopicOrPartition)
	invalid := h.producers(producersRequest("no/name", 0))[0]
	wantCode(t, "no name", invalid.ErrorCode, protocol.InvalidTopicException)
	if invalid.ErrorMessage == nil || !strings.Contains(*invalid.ErrorMessage, "no/name") {
		t.Errorf("got message %v", invalid.ErrorMessage)
	}

	h.leaders[topicPartition{"orders", 0}].silent = true
	silent := h.producers(producersRequest("orders", 0))[0]
	wantCode(t, "silent leader", silent.ErrorCode, protocol.RequestTimedOut)
}
