package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

func epochRequest(topic string, index, current, epoch int32) *kmsg.OffsetForLeaderEpochRequest {
	r := kmsg.NewPtrOffsetForLeaderEpochRequest()
	r.Version, r.ReplicaID = 4, -1
	t := kmsg.NewOffsetForLeaderEpochRequestTopic()
	t.Topic = topic
	p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	p.Partition, p.CurrentLeaderEpoch, p.LeaderEpoch = index, current, epoch
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func (h *host) wantEpochEnd(name string, r *kmsg.OffsetForLeaderEpochRequest, code protocol.Code,
	epoch int32, end int64,
) {
	h.Helper()
	for version := int16(2); version <= 4; version++ {
		r.Version = version
		got := ask[*kmsg.OffsetForLeaderEpochResponse](h, r).Topics[0].Partitions[0]
		wantCode(h, name, got.ErrorCode, code)
		if got.LeaderEpoch != epoch || got.EndOffset != end {
			h.Errorf("%s: got epoch %d until %d, want %d until %d", name, got.LeaderEpoch, got.EndOffset, epoch, end)
		}
	}
}

// KIP-101 and KIP-279: the largest epoch that is not above the one asked for, and where it ends.
func TestOffsetForLeaderEpoch(t *testing.T) {
	h := orders(t) // epoch 3 from 0, epoch 5 from 3, end at 6
	h.wantEpochEnd("before the first", epochRequest("orders", 0, -1, 2), protocol.None, 2, 0)
	h.wantEpochEnd("the first", epochRequest("orders", 0, -1, 3), protocol.None, 3, 3)
	h.wantEpochEnd("between", epochRequest("orders", 0, -1, 4), protocol.None, 3, 3)
	h.wantEpochEnd("the current", epochRequest("orders", 0, 5, 5), protocol.None, 5, 6)
	h.wantEpochEnd("of the future", epochRequest("orders", 0, -1, 6), protocol.None, -1, -1)
	h.wantEpochEnd("none", epochRequest("orders", 0, -1, -1), protocol.None, -1, -1)
}

// A consumer that starts at the latest offset learns the leader's epoch with it, though the leader may have
// written nothing yet. Were that epoch unknown here, the consumer would take its position for truncated.
func TestTheEpochOfALeaderThatHasWrittenNothingIsKnown(t *testing.T) {
	h := orders(t)
	h.lead("orders", 0, hostNode, 9, true)
	h.wantEpochEnd("the current", epochRequest("orders", 0, 9, 9), protocol.None, 9, 6)
	h.wantEpochEnd("one without records", epochRequest("orders", 0, 9, 7), protocol.None, 5, 6)
	h.wantEpochEnd("the last with records", epochRequest("orders", 0, 9, 5), protocol.None, 5, 6)
	h.wantEpochEnd("of the future", epochRequest("orders", 0, 9, 10), protocol.None, -1, -1)

	h.lead("orders", 1, hostNode, 4, true)
	h.wantEpochEnd("empty, the current", epochRequest("orders", 1, 4, 4), protocol.None, 4, 0)
	h.wantEpochEnd("empty, an older one", epochRequest("orders", 1, 4, 2), protocol.None, 2, 0)
	h.wantEpochEnd("empty, of the future", epochRequest("orders", 1, 4, 5), protocol.None, -1, -1)
}

func TestOffsetForLeaderEpochErrors(t *testing.T) {
	h := orders(t)
	h.lead("orders", 1, 2, 8, false)
	for _, c := range []struct {
		name    string
		request *kmsg.OffsetForLeaderEpochRequest
		want    protocol.Code
	}{
		{"an older epoch", epochRequest("orders", 0, 4, 3), protocol.FencedLeaderEpoch},
		{"a newer epoch", epochRequest("orders", 0, 6, 3), protocol.UnknownLeaderEpoch},
		{"led by another broker", epochRequest("orders", 1, -1, 3), protocol.NotLeaderOrFollower},
		{"an older epoch of another leader", epochRequest("orders", 1, 7, 3), protocol.FencedLeaderEpoch},
		{"no such partition", epochRequest("orders", 2, -1, 3), protocol.UnknownTopicOrPartition},
		{"no such topic", epochRequest("nobody", 0, -1, 3), protocol.UnknownTopicOrPartition},
	} {
		h.wantEpochEnd(c.name, c.request, c.want, -1, -1)
	}
}
