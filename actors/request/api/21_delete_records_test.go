package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// deletion is a request to delete the records of one partition below an offset.
func deletion(topic string, index int32, offset int64) *kmsg.DeleteRecordsRequest {
	r := kmsg.NewPtrDeleteRecordsRequest()
	r.Version, r.TimeoutMillis = 2, 10_000
	t := kmsg.NewDeleteRecordsRequestTopic()
	t.Topic = topic
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = index, offset
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func (h *host) wantDeleted(name string, r *kmsg.DeleteRecordsRequest, code protocol.Code, low int64) {
	h.Helper()
	got := ask[*kmsg.DeleteRecordsResponse](h, r).Topics[0].Partitions[0]
	wantCode(h, name, got.ErrorCode, code)
	if got.LowWatermark != low {
		h.Errorf("%s: got low watermark %d, want %d", name, got.LowWatermark, low)
	}
}

// KIP-107.
func TestDeleteRecordsRaisesTheLogStart(t *testing.T) {
	for version := int16(0); version <= 2; version++ {
		h := orders(t)
		at := func(offset int64) *kmsg.DeleteRecordsRequest {
			r := deletion("orders", 0, offset)
			r.Version = version
			return r
		}
		h.wantDeleted("nothing", at(0), protocol.None, 0)
		h.wantDeleted("below 2", at(2), protocol.None, 2)
		h.wantDeleted("below what is deleted", at(1), protocol.None, 2)
		h.wantDeleted("above the end", at(7), protocol.OffsetOutOfRange, -1)
		h.wantDeleted("no offset", at(-2), protocol.OffsetOutOfRange, -1)
		h.wantDeleted("to the high watermark", at(-1), protocol.None, 6)
		h.wantOffset("earliest", listing(11, -2), 6, -1, 5)
	}
}

func TestDeleteRecordsErrors(t *testing.T) {
	h := orders(t)
	h.topic("compacted", 1, map[string]string{"cleanup.policy": "compact"})
	h.lead("compacted", 0, hostNode, 1, true)
	h.topic("both", 1, map[string]string{"cleanup.policy": "compact,delete"})
	h.lead("both", 0, hostNode, 1, true)
	h.topic(image.OffsetsTopic, 1, nil)
	h.lead(image.OffsetsTopic, 0, hostNode, 1, true)
	h.lead("orders", 1, 2, 8, false)
	for _, c := range []struct {
		name  string
		topic string
		index int32
		want  protocol.Code
	}{
		{"no such topic", "nobody", 0, protocol.UnknownTopicOrPartition},
		{"no such partition", "orders", 2, protocol.UnknownTopicOrPartition},
		{"led by another broker", "orders", 1, protocol.NotLeaderOrFollower},
		{"a compacted topic", "compacted", 0, protocol.PolicyViolation},
		{"an internal topic", image.OffsetsTopic, 0, protocol.InvalidTopicException},
		{"no such partition of an internal topic", image.OffsetsTopic, 1, protocol.UnknownTopicOrPartition},
	} {
		h.wantDeleted(c.name, deletion(c.topic, c.index, 0), c.want, -1)
	}
	h.wantDeleted("compacted and deleted", deletion("both", 0, 0), protocol.None, 0)
	h.lead("compacted", 0, 2, 2, false)
	h.wantDeleted("compacted elsewhere", deletion("compacted", 0, 0), protocol.NotLeaderOrFollower, -1)
	h.env.Replicas.Drop(h.env.Replicas.Topic("orders"))
	h.wantDeleted("no replica here", deletion("orders", 0, 0), protocol.NotLeaderOrFollower, -1)
}

func TestDeleteRecordsOfAPartitionNamedTwiceTakesTheLast(t *testing.T) {
	h := orders(t)
	r := deletion("orders", 0, 5)
	r.Topics = append(r.Topics, deletion("nobody", 0, 1).Topics[0], deletion("orders", 0, 3).Topics[0])
	got := ask[*kmsg.DeleteRecordsResponse](h, r)
	first := got.Topics[0].Partitions
	if len(got.Topics) != 2 || len(first) != 1 || first[0].LowWatermark != 3 {
		t.Errorf("got %+v", got.Topics)
	}
}

// A leader that does not answer must not hold the client for ever; the others are answered as they did.
func TestDeleteRecordsTimesOut(t *testing.T) {
	h := orders(t)
	h.lead("orders", 1, hostNode, 1, true)
	h.leaders[topicPartition{"orders", 1}].silent = true
	r := deletion("orders", 0, 3)
	r.Topics = append(r.Topics, deletion("orders", 1, 0).Topics[0])
	got := ask[*kmsg.DeleteRecordsResponse](h, r).Topics[0].Partitions
	wantCode(t, "answered", got[0].ErrorCode, protocol.None)
	wantCode(t, "not answered", got[1].ErrorCode, protocol.RequestTimedOut)
	if got[0].LowWatermark != 3 || got[1].LowWatermark != -1 {
		t.Errorf("got %+v", got)
	}
}
