package api

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// replica returns the replica of a partition on this broker. If there is none the code says why: a
// partition that exists is elsewhere, or not open yet, and the client looks for it again.
func (l look) replica(topic string, index int32) (*partition.Replica, protocol.Code) {
	if replica := l.env.Replicas.Lookup(topic, index); replica != nil {
		return replica, protocol.None
	}
	if _, exists := l.image.Topic(topic).Partition(index); exists {
		return nil, protocol.NotLeaderOrFollower
	}
	return nil, protocol.UnknownTopicOrPartition
}

// standing is how a replica stood at the moment of asking.
type standing struct {
	leadership *partition.Leadership
	view       *partitionlog.View
}

// standing checks what KIP-320 demands of a request that names the leader epoch it knows, or
// NoLeaderEpoch, and that this broker leads the partition, unless any replica will do. The epoch comes
// first: a client that is behind hears that, whoever leads.
func (l look) standing(replica *partition.Replica, epoch protocol.LeaderEpoch, anyReplica bool,
) (standing, protocol.Code) {
	view := replica.View() // before the leadership: see partition.Replica
	s := standing{leadership: replica.Leadership(), view: view}
	switch {
	case epoch != protocol.NoLeaderEpoch && epoch < s.leadership.Epoch:
		return s, protocol.FencedLeaderEpoch
	case epoch != protocol.NoLeaderEpoch && epoch > s.leadership.Epoch:
		return s, protocol.UnknownLeaderEpoch
	case s.leadership.Node != l.env.NodeID && !anyReplica, s.view == nil:
		return s, protocol.NotLeaderOrFollower
	}
	return s, protocol.None
}

// epochEnd answers which of our epochs is the largest that is not above the one asked for, and where it
// ends (KIP-101, KIP-279). The log knows the epochs that wrote something. A leader that has written nothing
// yet counts all the same, beginning at the end of the log, as in Kafka: a consumer that was told this
// epoch with the latest offset would otherwise learn that nobody knows it, and take that for lost records.
func (s standing) epochEnd(asked protocol.LeaderEpoch) (protocol.LeaderEpoch, protocol.Offset) {
	recorded, current := s.view.LatestEpoch(), s.leadership.Epoch
	switch {
	case asked <= recorded || asked > current:
		return s.view.EpochEnd(asked)
	case asked == current || recorded == protocol.NoLeaderEpoch:
		return asked, s.view.End()
	}
	return recorded, s.view.End()
}

// codeOfProposal maps what a Raft group answers to the code that a client gets. A leader that is gone, or
// going, is looked for again; a group that is busy is asked again.
func codeOfProposal(err error) protocol.Code {
	var notLeader group.ErrNotLeader
	switch {
	case errors.As(err, &notLeader), errors.Is(err, group.ErrLostLeadership), errors.Is(err, kit.ErrStopped):
		return protocol.NotLeaderOrFollower
	case errors.Is(err, group.ErrBusy):
		return protocol.NotEnoughReplicas
	}
	return protocol.CodeOf(err)
}

// codeOfRead maps an error of the log to the code that a client gets. Damage to our own data is a storage
// error.
func codeOfRead(err error) protocol.Code {
	if code := protocol.CodeOf(err); code != protocol.UnknownServerError {
		return code
	}
	return protocol.KafkaStorageError
}
