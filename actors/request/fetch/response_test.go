package fetch

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// TestResponseEncodesAsKmsgDoes compares random responses, in every version, with what kmsg makes of them.
// Records are left out here: frames with regions are compared over real segments in the actor's tests.
func TestResponseEncodesAsKmsgDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	for version := int16(4); version <= 18; version++ {
		for range 200 {
			r := randomResponse(random, version)
			want := protocol.AppendResponse(nil, r.header, expected(r))
			got := r.encode()
			if !bytes.Equal(got.Bytes, want) {
				t.Fatalf("version %d: got\n%x\nwant\n%x", version, got.Bytes, want)
			}
		}
	}
}

func randomResponse(random *rand.Rand, version int16) *response {
	r := &response{
		header:    protocol.Header{Key: int16(kmsg.Fetch), Version: version, CorrelationID: random.Int32()},
		code:      protocol.Code(random.IntN(2) * 71),
		sessionID: random.Int32(), committed: random.IntN(2) == 0,
	}
	for range random.IntN(6) {
		r.items = append(r.items, randomItem(random, version))
	}
	if version >= 16 && random.IntN(2) == 0 {
		rack := "r1"
		r.endpoints = []Endpoint{{Node: 1, Host: "a", Port: 2}, {Node: 3, Host: "bb", Port: 4, Rack: &rack}}
	}
	return r
}

func randomItem(random *rand.Rand, version int16) item {
	k := keyOf(version, string(rune('a'+random.IntN(2))), [16]byte{byte(random.IntN(2))}, random.Int32())
	i := item{entry: &entry{key: k}, result: result{
		high: protocol.Offset(random.Int64()), stable: protocol.Offset(random.Int64()),
		start: protocol.Offset(random.Int64()), divergesAt: protocol.NoLeaderEpoch, divergesEnd: protocol.NoOffset,
	}}
	switch random.IntN(4) {
	case 0:
		i.result = failed(protocol.NotLeaderOrFollower)
		i.leader = &partition.Leadership{Node: random.Int32(), Epoch: protocol.LeaderEpoch(random.Int32())}
	case 1:
		i.divergesAt, i.divergesEnd = 3, 4
	case 2:
		i.aborted = append(i.aborted, partitionlog.AbortedTransaction{
			ProducerID: random.Int64(), FirstOffset: protocol.Offset(random.Int64()),
		}, partitionlog.AbortedTransaction{})
	}
	return i
}

func expected(r *response) *kmsg.FetchResponse {
	want := kmsg.NewPtrFetchResponse()
	want.ErrorCode, want.SessionID = int16(r.code), r.sessionID
	for i := range r.items {
		one := &r.items[i]
		if r.newTopic(i) {
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic, topic.TopicID = one.entry.topic, one.entry.id
			want.Topics = append(want.Topics, topic)
		}
		topic := &want.Topics[len(want.Topics)-1]
		topic.Partitions = append(topic.Partitions, expectedPartition(r, one))
	}
	for _, endpoint := range r.endpoints {
		broker := kmsg.NewFetchResponseBroker()
		broker.NodeID, broker.Host, broker.Port, broker.Rack = endpoint.Node, endpoint.Host, endpoint.Port, endpoint.Rack
		want.Brokers = append(want.Brokers, broker)
	}
	return want
}

func expectedPartition(r *response, one *item) kmsg.FetchResponseTopicPartition {
	p := kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.ErrorCode = one.entry.partition, int16(one.code)
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = int64(one.high), int64(one.stable), int64(one.start)
	p.RecordBatches = []byte{}
	if r.committed && one.code == protocol.None {
		p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
		for _, aborted := range one.aborted {
			transaction := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
			transaction.ProducerID, transaction.FirstOffset = aborted.ProducerID, int64(aborted.FirstOffset)
			p.AbortedTransactions = append(p.AbortedTransactions, transaction)
		}
	}
	if one.divergesAt != protocol.NoLeaderEpoch {
		p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = int32(one.divergesAt), int64(one.divergesEnd)
	}
	if one.leader != nil && r.header.Version >= 16 {
		p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = one.leader.Node, int32(one.leader.Epoch)
	}
	return p
}
