package fetch

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// key names a partition as the client does: by topic name up to Fetch 12, by topic id from 13 on.
type key struct {
	topic     string
	id        [16]byte
	partition int32
}

func keyOf(version int16, topic string, id [16]byte, partition int32) key {
	if version >= firstTopicIDs {
		return key{id: id, partition: partition}
	}
	return key{topic: topic, partition: partition}
}

// want is what the client wants of a partition.
type want struct {
	offset   protocol.Offset
	epoch    protocol.LeaderEpoch // of the leader it believes in, -1: it does not say
	fetched  protocol.LeaderEpoch // of the last record it has, -1: it does not say
	maxBytes int32
}

// told is what the last response of a session said about a partition: what did not change since is left
// out of the next one.
type told struct {
	high, start protocol.Offset
}

// entry is one partition that is fetched, by a session or by a single request.
type entry struct {
	key
	want
	told
	previous, next *entry // order within its session
}

// scope is what one request reads: the partitions of a session, or a list of its own.
type scope struct {
	session *session
	full    bool    // every partition belongs into the response, not only what changed
	entries []entry // without a session
}

// count returns how many partitions there are to read.
func (s *scope) count() int {
	if s.session != nil {
		return len(s.session.byKey)
	}
	return len(s.entries)
}

// each visits the partitions in the order in which they are served.
func (s *scope) each(visit func(*entry)) {
	if s.session == nil {
		for i := range s.entries {
			visit(&s.entries[i])
		}
		return
	}
	for e := s.session.first; e != nil; e = e.next {
		visit(e)
	}
}

// entriesOf returns the partitions that a request names, in one block of memory.
func entriesOf(r *kmsg.FetchRequest) []entry {
	count := partitionCount(r)
	if count == 0 {
		return nil
	}
	entries := make([]entry, 0, count)
	for i := range r.Topics {
		topic := &r.Topics[i]
		for j := range topic.Partitions {
			p := &topic.Partitions[j]
			entries = append(entries, entry{
				key:  keyOf(r.Version, topic.Topic, topic.TopicID, p.Partition),
				want: wantOf(r.Version, p),
				told: told{high: protocol.NoOffset, start: protocol.NoOffset},
			})
		}
	}
	return entries
}

func partitionCount(r *kmsg.FetchRequest) int {
	count := 0
	for i := range r.Topics {
		count += len(r.Topics[i].Partitions)
	}
	return count
}

// wantOf reads the fields that came with later versions only where they exist.
func wantOf(version int16, p *kmsg.FetchRequestTopicPartition) want {
	w := want{
		offset: protocol.Offset(p.FetchOffset), maxBytes: p.PartitionMaxBytes,
		epoch: protocol.NoLeaderEpoch, fetched: protocol.NoLeaderEpoch,
	}
	if version >= 9 {
		w.epoch = protocol.LeaderEpoch(p.CurrentLeaderEpoch)
	}
	if version >= 12 {
		w.fetched = protocol.LeaderEpoch(p.LastFetchedEpoch)
	}
	return w
}
