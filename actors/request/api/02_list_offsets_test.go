package api

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// listing is a request for one partition of "orders".
func listing(version int16, timestamp int64) *kmsg.ListOffsetsRequest {
	r := kmsg.NewPtrListOffsetsRequest()
	r.Version = version
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = "orders"
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = timestamp
	topic.Partitions = append(topic.Partitions, p)
	r.Topics = append(r.Topics, topic)
	return r
}

func (h *host) list(r *kmsg.ListOffsetsRequest) kmsg.ListOffsetsResponseTopicPartition {
	h.Helper()
	return ask[*kmsg.ListOffsetsResponse](h, r).Topics[0].Partitions[0]
}

func (h *host) wantOffset(name string, r *kmsg.ListOffsetsRequest, offset, timestamp int64, epoch int32) {
	h.Helper()
	got := h.list(r)
	wantCode(h, name, got.ErrorCode, protocol.None)
	if r.Version < 4 {
		epoch = -1
	}
	if got.Offset != offset || got.Timestamp != timestamp || got.LeaderEpoch != epoch {
		h.Errorf("%s: got offset %d, timestamp %d, epoch %d, want %d, %d, %d",
			name, got.Offset, got.Timestamp, got.LeaderEpoch, offset, timestamp, epoch)
	}
}

// orders is a host that leads orders-0 at epoch 5, with six records of epochs 3 and 5:
//
//	offset     0    1    2    3    4    5
//	timestamp  100  300  200  400  400  350
//	epoch      3    3    3    5    5    5
func orders(t *testing.T) *host {
	h := newHost(t)
	h.topic("orders", 2, nil)
	h.lead("orders", 0, hostNode, 3, true)
	record := func(timestamp int64) batch.Record {
		return batch.Record{Timestamp: timestamp, Value: []byte("v")}
	}
	h.write("orders", 0, batch.Build(batch.Options{Codec: batch.LZ4}, record(100), record(300), record(200)))
	h.lead("orders", 0, hostNode, 5, true)
	h.write("orders", 0, batch.Build(batch.Options{}, record(400), record(400)))
	h.write("orders", 0, batch.Build(batch.Options{Codec: batch.Zstd}, record(350)))
	return h
}

func TestListOffsetsFindsTheRecordItself(t *testing.T) {
	h := orders(t)
	for version := int16(1); version <= 11; version++ {
		for _, c := range []struct {
			name              string
			since             int16
			ask               int64
			offset, timestamp int64
			epoch             int32
		}{
			{"latest", 1, -1, 6, -1, 5},
			{"earliest", 1, -2, 0, -1, 3},
			{"largest timestamp, first of two", 7, -3, 3, 400, 5},
			{"earliest on local disks", 8, -4, 0, -1, 3},
			{"latest in tiered storage", 9, -5, -1, -1, -1},
			{"earliest yet to be uploaded", 11, -6, -1, -1, -1},
			{"from the beginning of time", 1, 0, 0, 100, 3},
			{"exactly the first", 1, 100, 0, 100, 3},
			{"within a compressed batch", 1, 101, 1, 300, 3},
			{"not the first that is newer, but the first in the log", 1, 200, 1, 300, 3},
			{"in the next batch", 1, 301, 3, 400, 5},
			{"the newest", 1, 400, 3, 400, 5},
			{"in the future", 1, 401, -1, -1, -1},
		} {
			if version < c.since {
				wantCode(t, c.name, h.list(listing(version, c.ask)).ErrorCode, protocol.UnsupportedVersion)
				continue
			}
			h.wantOffset(c.name, listing(version, c.ask), c.offset, c.timestamp, c.epoch)
		}
		wantCode(t, "a time that nobody knows", h.list(listing(version, -7)).ErrorCode, protocol.UnsupportedVersion)
	}
}

func TestListOffsetsOfALogThatStartsLater(t *testing.T) {
	h := orders(t)
	deleted := ask[*kmsg.DeleteRecordsResponse](h, deletion("orders", 0, 4))
	wantCode(t, "delete", deleted.Topics[0].Partitions[0].ErrorCode, protocol.None)
	h.wantOffset("earliest", listing(11, -2), 4, -1, 5)
	h.wantOffset("by time", listing(11, 0), 4, 400, 5)
	h.wantOffset("largest", listing(11, -3), 4, 400, 5)
}

func TestListOffsetsOfAnEmptyLog(t *testing.T) {
	h := newHost(t)
	h.topic("orders", 1, nil)
	h.lead("orders", 0, hostNode, 2, true)
	h.wantOffset("latest", listing(11, -1), 0, -1, 2)
	h.wantOffset("earliest", listing(11, -2), 0, -1, -1)
	h.wantOffset("largest", listing(11, -3), -1, -1, -1)
	h.wantOffset("by time", listing(11, 0), -1, -1, -1)
}

// What is in memory is answered in the connection's turn; only a search costs an actor.
func TestListOffsetsReadsTheDiskOnlyToSearch(t *testing.T) {
	h := orders(t)
	for _, timestamp := range []int64{-1, -2, -4, -5, -6, -99} {
		if _, task := h.handle(listing(11, timestamp)); task != nil {
			t.Errorf("%d: got a task, want an answer", timestamp)
		}
	}
	for _, timestamp := range []int64{-3, 0, 100} {
		if _, task := h.handle(listing(11, timestamp)); task == nil {
			t.Errorf("%d: got an answer, want a task", timestamp)
		}
	}
}

func TestListOffsetsErrors(t *testing.T) {
	with := func(change func(r *kmsg.ListOffsetsRequest)) *kmsg.ListOffsetsRequest {
		r := listing(11, -1)
		change(r)
		return r
	}
	epoch := func(epoch int32) *kmsg.ListOffsetsRequest {
		return with(func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch })
	}
	partition := func(index int32) *kmsg.ListOffsetsRequest {
		return with(func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].Partition = index })
	}
	h := orders(t)
	h.lead("orders", 1, 2, 8, false)
	for _, c := range []struct {
		name    string
		request *kmsg.ListOffsetsRequest
		want    protocol.Code
	}{
		{"the leader's epoch", epoch(5), protocol.None},
		{"an older epoch", epoch(4), protocol.FencedLeaderEpoch},
		{"a newer epoch", epoch(6), protocol.UnknownLeaderEpoch},
		{"led by another broker", partition(1), protocol.NotLeaderOrFollower},
		{"no such partition", partition(2), protocol.UnknownTopicOrPartition},
		{"negative partition", partition(-1), protocol.UnknownTopicOrPartition},
		{"no such topic", with(func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Topic = "nobody" }),
			protocol.UnknownTopicOrPartition},
		{"any replica will do", with(func(r *kmsg.ListOffsetsRequest) {
			r.ReplicaID, r.Topics[0].Partitions[0].Partition = debuggingReplica, 1
		}), protocol.None},
		{"an older epoch of another leader", with(func(r *kmsg.ListOffsetsRequest) {
			r.Topics[0].Partitions[0].Partition, r.Topics[0].Partitions[0].CurrentLeaderEpoch = 1, 7
		}), protocol.FencedLeaderEpoch},
	} {
		got := h.list(c.request)
		wantCode(t, c.name, got.ErrorCode, c.want)
		if c.want != protocol.None && (got.Offset != -1 || got.Timestamp != -1 || got.LeaderEpoch != -1) {
			t.Errorf("%s: got %+v with an error", c.name, got)
		}
	}
}

func TestListOffsetsOfAPartitionThatIsElsewhere(t *testing.T) {
	h := orders(t)
	h.env.Replicas.Drop(h.env.Replicas.Topic("orders"))
	wantCode(t, "no replica here", h.list(listing(11, -1)).ErrorCode, protocol.NotLeaderOrFollower)
}

func TestListOffsetsRefusesDuplicates(t *testing.T) {
	h := orders(t)
	r := listing(11, -1)
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
	other := kmsg.NewListOffsetsRequestTopicPartition()
	other.Partition, other.Timestamp = 9, -1
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, other)
	got := ask[*kmsg.ListOffsetsResponse](h, r).Topics[0].Partitions
	if len(got) != 2 {
		t.Fatalf("got %d answers, want one for each partition", len(got))
	}
	wantCode(t, "named twice", got[0].ErrorCode, protocol.InvalidRequest)
	wantCode(t, "named once", got[1].ErrorCode, protocol.UnknownTopicOrPartition)
}

// KIP-207: a new leader may not know yet all that the one before committed.
func TestListOffsetsOfALeaderThatIsNotReady(t *testing.T) {
	h := orders(t)
	h.lead("orders", 0, hostNode, 6, false)
	wantCode(t, "latest, 5", h.list(listing(5, -1)).ErrorCode, protocol.OffsetNotAvailable)
	wantCode(t, "latest, 4", h.list(listing(4, -1)).ErrorCode, protocol.LeaderNotAvailable)
	wantCode(t, "beyond the end, 5", h.list(listing(5, 1000)).ErrorCode, protocol.OffsetNotAvailable)
	h.wantOffset("earliest", listing(5, -2), 0, -1, 3)
	h.wantOffset("in the log", listing(5, 100), 0, 100, 3)
	replica := listing(5, -1)
	replica.ReplicaID = debuggingReplica
	h.wantOffset("latest for no consumer", replica, 6, -1, 6)
}

// Reading many logs may take longer than the client waits: what has not been read by then is told so.
func TestListOffsetsEndsInTime(t *testing.T) {
	h := orders(t)
	_, task := h.handle(listing(11, 0))
	h.clock.Advance(h.env.Settings.RequestTimeout + time.Second)
	task.Start(nil)
	got := task.Response().(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	wantCode(t, "search", got.ErrorCode, protocol.RequestTimedOut)
}
