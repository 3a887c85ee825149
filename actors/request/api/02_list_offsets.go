package api

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// ListOffsets, versions 1-11
//
//	1    one offset and its timestamp for each partition
//	2    isolation level, throttle time
//	4    leader epochs, to be checked and in answers
//	5    OFFSET_NOT_AVAILABLE; before that LEADER_NOT_AVAILABLE
//	6    flexible
//	7    -3, the record with the largest timestamp (KIP-734)
//	8    -4, the earliest offset on local disks (KIP-405)
//	9    -5, the latest offset in tiered storage (KIP-1005)
//	10   a timeout for reading tiered storage, which there is none of
//	11   -6, the earliest offset that is yet to go to tiered storage (KIP-1023)
//
// A time from 0 on asks for the first record that is not older. That and -3 read the disk; all else is
// answered at once. There is no tiered storage, so -5 and -6 find nothing, as in a Kafka broker without it.

// The times that stand for something else.
const (
	timeLatest          int64 = -1
	timeEarliest        int64 = -2
	timeMaximum         int64 = -3
	timeEarliestLocal   int64 = -4
	timeLatestTiered    int64 = -5
	timeEarliestPending int64 = -6
)

// Who asks, by the replica id of a request. Consumers hear of what is committed and go to the leader;
// the debugging replica goes to any.
const (
	consumerReplica  = -1
	debuggingReplica = -2
)

// searchAttempts bounds how often a search starts over because retention removed what it was reading.
const searchAttempts = 3

// listOffsetsNow answers from memory, or returns nil when the disk has to be read.
func listOffsetsNow(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	o := newOffsetListing(env, r)
	if o.searches() {
		return nil
	}
	return o.list()
}

func listOffsets(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	return &offsetSearch{listing: newOffsetListing(env, r)}
}

// offsetSearch is the task of a ListOffsets request that reads the disk.
type offsetSearch struct {
	listing  *offsetListing
	response *kmsg.ListOffsetsResponse
}

// Start implements call.Task. It blocks on disk.
func (o *offsetSearch) Start(*call.Questions) { o.response = o.listing.list() }

// Answer implements call.Task. Nobody is asked.
func (o *offsetSearch) Answer(*call.Questions, any) {}

// Response implements call.Task.
func (o *offsetSearch) Response() kmsg.Response { return o.response }

// Deadline implements call.Task. The listing keeps the time itself.
func (o *offsetSearch) Deadline() time.Duration { return 0 }

// offsetListing answers one request.
type offsetListing struct {
	look
	request  *kmsg.ListOffsetsRequest
	deadline time.Time // of reading the disk
	twice    map[topicPartition]bool
}

// topicPartition names a partition.
type topicPartition struct {
	topic string
	index int32
}

func newOffsetListing(env *request.Env, r *protocol.Request) *offsetListing {
	o := &offsetListing{
		look: look{env, env.Image()}, request: r.Body.(*kmsg.ListOffsetsRequest),
		deadline: env.Now().Add(env.Settings.RequestTimeout),
	}
	var named []topicPartition
	for _, topic := range o.request.Topics {
		for _, p := range topic.Partitions {
			named = append(named, topicPartition{topic.Topic, p.Partition})
		}
	}
	o.twice = repeated(named)
	return o
}

// searches tells whether a partition has to be searched on disk.
func (o *offsetListing) searches() bool {
	for _, topic := range o.request.Topics {
		for _, p := range topic.Partitions {
			if p.Timestamp >= 0 || p.Timestamp == timeMaximum {
				return true
			}
		}
	}
	return false
}

// list answers all partitions, each once: one that is named twice gets INVALID_REQUEST, as in Kafka.
func (o *offsetListing) list() *kmsg.ListOffsetsResponse {
	response := kmsg.NewPtrListOffsetsResponse()
	response.Topics = make([]kmsg.ListOffsetsResponseTopic, 0, len(o.request.Topics))
	refused := make(map[topicPartition]bool, len(o.twice))
	for _, topic := range o.request.Topics {
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic.Topic
		answer.Partitions = make([]kmsg.ListOffsetsResponseTopicPartition, 0, len(topic.Partitions))
		for i := range topic.Partitions {
			key := topicPartition{topic.Topic, topic.Partitions[i].Partition}
			if refused[key] {
				continue
			}
			one := kmsg.NewListOffsetsResponseTopicPartition()
			one.Partition = key.index
			if o.twice[key] {
				refused[key], one.ErrorCode = true, int16(protocol.InvalidRequest)
			} else {
				one.ErrorCode = int16(o.partition(topic.Topic, &topic.Partitions[i], &one))
			}
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}

// partition fills in what is found in one partition, or returns why not. What is not found has offset -1
// and no error.
func (o *offsetListing) partition(topic string, p *kmsg.ListOffsetsRequestTopicPartition,
	found *kmsg.ListOffsetsResponseTopicPartition,
) protocol.Code {
	if !timeIsKnown(p.Timestamp, o.request.Version) {
		return protocol.UnsupportedVersion
	}
	replica, code := o.replica(topic, p.Partition)
	if code != protocol.None {
		return code
	}
	anyReplica := o.request.ReplicaID == debuggingReplica
	s, code := o.standing(replica, protocol.LeaderEpoch(p.CurrentLeaderEpoch), anyReplica)
	if code != protocol.None {
		return code
	}
	switch p.Timestamp {
	case timeLatest:
		if code := o.lagging(s); code != protocol.None {
			return code
		}
		found.Offset, found.LeaderEpoch = int64(o.end(s)), int32(s.leadership.Epoch)
	case timeEarliest, timeEarliestLocal:
		start := s.view.Start()
		found.Offset, found.LeaderEpoch = int64(start), int32(s.view.EpochAt(start))
	case timeLatestTiered, timeEarliestPending:
	default:
		return o.search(replica, s, p.Timestamp, found)
	}
	return protocol.None
}

// timeIsKnown tells whether a version knows a time that stands for something else.
func timeIsKnown(timestamp int64, version int16) bool {
	switch timestamp {
	case timeLatest, timeEarliest:
		return true
	case timeMaximum:
		return version >= 7
	case timeEarliestLocal:
		return version >= 8
	case timeLatestTiered:
		return version >= 9
	case timeEarliestPending:
		return version >= 11
	}
	return timestamp >= 0
}

// end returns the offset that the client sees as the end of the log.
func (o *offsetListing) end(s standing) protocol.Offset {
	if o.request.ReplicaID == consumerReplica && o.request.IsolationLevel == 1 {
		return s.view.LastStable()
	}
	return s.view.End()
}

// lagging returns the error for a consumer that asks a leader who has not caught up with what the leader
// before him committed: an end that goes back would look like lost records (KIP-207).
func (o *offsetListing) lagging(s standing) protocol.Code {
	if o.request.ReplicaID != consumerReplica || s.leadership.Node != o.env.NodeID || s.leadership.Ready {
		return protocol.None
	}
	if o.request.Version < 5 {
		return protocol.LeaderNotAvailable
	}
	return protocol.OffsetNotAvailable
}

// search looks for a record on disk. Records that the client does not see yet do not count.
func (o *offsetListing) search(replica *partition.Replica, s standing, timestamp int64,
	found *kmsg.ListOffsetsResponseTopicPartition,
) protocol.Code {
	if o.env.Now().After(o.deadline) {
		return protocol.RequestTimedOut
	}
	at, ok, err := searchLog(s.view, timestamp)
	for i := 1; i < searchAttempts && errors.Is(err, partitionlog.ErrOffsetOutOfRange); i++ {
		s.view = replica.View()
		at, ok, err = searchLog(s.view, timestamp)
	}
	if err != nil {
		o.env.Log.Warn().Err(err).Str("partition", replica.Name()).Msg("search by timestamp failed")
		return codeOfRead(err)
	}
	if !ok || at.offset >= o.end(s) {
		return o.lagging(s)
	}
	found.Offset, found.Timestamp, found.LeaderEpoch = int64(at.offset), at.timestamp, int32(at.epoch)
	return protocol.None
}

// foundRecord is a record that a search found.
type foundRecord struct {
	offset    protocol.Offset
	timestamp int64
	epoch     protocol.LeaderEpoch
}

func searchLog(view *partitionlog.View, timestamp int64) (at foundRecord, ok bool, err error) {
	if timestamp == timeMaximum {
		at.offset, at.timestamp, at.epoch, ok, err = view.MaxTimestamp()
	} else {
		at.offset, at.timestamp, at.epoch, ok, err = view.ByTimestamp(timestamp)
	}
	return at, ok, err
}
