package fetch

import (
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
)

// firstRacks is the first Fetch version whose clients say in which rack they are and go to the replica that
// the leader names (KIP-392). Older ones read from leaders only.
const firstRacks = 11

// follows tells whether the replica may serve a consumer although this node does not lead it. It may while it
// knows its leader: then what it has applied is a prefix of what the leader has, and grows. A client that
// says no rack was never sent here; it believes that this node leads and had better hear who does.
func (i *item) follows(l limits, known *partition.Leadership) bool {
	return l.version >= firstRacks && l.rack != "" &&
		known.Node != partition.NoLeader && known.Node != i.env.NodeID
}

// ahead tells whether the client is ahead of this follower, which is about to get what the client has seen
// elsewhere. The fetch then waits like one that is at the end. Only if nothing comes the client is told, and
// with OFFSET_NOT_AVAILABLE: OFFSET_OUT_OF_RANGE would make it reset to what its policy says.
func (i *item) ahead(l limits, leadership *partition.Leadership, end protocol.Offset) bool {
	return i.entry.offset > end && i.follows(l, leadership)
}

// nearer returns the broker in the client's rack that it should read from instead of this leader, nil if
// there is none: the client says no rack, or this broker is in it.
//
// Only replicas that the leader has measured to be in sync count: a consumer that was sent to one that lags
// would wait there for what the leader has already. Of several in the rack each partition picks another one,
// so that they share the work.
func (i *item) nearer(l limits, leadership *partition.Leadership) *image.Broker {
	if l.rack == "" || l.version < firstRacks || !leadership.Ready || len(leadership.InSync) < 2 {
		return nil
	}
	current := i.env.Image()
	if own := current.Broker(i.env.NodeID); own != nil && own.Rack == l.rack {
		return nil
	}
	var found []*image.Broker
	for _, id := range leadership.InSync {
		broker := current.Broker(id)
		if broker != nil && broker.Rack == l.rack && id != i.env.NodeID && i.env.IsAlive(id) {
			found = append(found, broker)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[uint64(i.replica.Group)%uint64(len(found))]
}
