package partition

import (
	"slices"
	"sync"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/wal"
)

// NoLeader is the node id that stands for "no leader known".
const NoLeader int32 = -1

// Leadership is who leads a partition as far as this node knows. It is immutable.
type Leadership struct {
	Node  int32                // NoLeader while none is known
	Epoch protocol.LeaderEpoch // the Raft term
	// Ready says that the leader accepts appends. Of its own replicas a node knows that only while it leads
	// them; of others it knows what their leaders announced.
	Ready bool
	// InSync are the brokers whose replicas vote and have what is committed, as the leader measured it:
	// ascending, the leader among them, nil where the leader has not told.
	InSync []int32
	// Learners are the brokers whose replicas do not vote yet, ascending.
	Learners []int32
}

// unknownLeadership is what is known before anything was heard.
var unknownLeadership = &Leadership{Node: NoLeader}

// Equal tells whether both say the same.
func (l *Leadership) Equal(other *Leadership) bool {
	return !l.movedFrom(other) &&
		slices.Equal(l.InSync, other.InSync) && slices.Equal(l.Learners, other.Learners)
}

// movedFrom tells whether a client has to go elsewhere, or knows another epoch, than before.
func (l *Leadership) movedFrom(before *Leadership) bool {
	return l.Node != before.Node || l.Epoch != before.Epoch || l.Ready != before.Ready
}

// HasInSync tells whether the leader counts the replica of a broker among those that have everything.
func (l *Leadership) HasInSync(broker int32) bool {
	_, found := slices.BinarySearch(l.InSync, broker)
	return found
}

// yieldsTo tells whether next, which node from says, is better than what is known. A higher epoch always is:
// terms only grow. Within one epoch there is one leader (Raft §5.2, election safety), and nobody knows
// better than he, so others only fill in a leader that was not known, and only he takes it back.
//
//	epoch    said by            next            known            taken
//	higher   anyone             any             any              yes
//	same     the leader         itself          any              yes: readiness, who is in sync
//	same     the leader         no leader       that leader      yes: it has stepped down
//	same     another replica    a leader        no leader        yes
//	same     another replica    anything else                    no
//	lower                                                        no
func (l *Leadership) yieldsTo(next *Leadership, from int32) bool {
	switch {
	case next.Epoch != l.Epoch:
		return next.Epoch > l.Epoch
	case next.Node == from:
		return true
	case next.Node == NoLeader:
		return l.Node == from
	}
	return l.Node == NoLeader
}

// Leaders knows who leads the partitions of the whole cluster, those that have no replica on this node
// included. The manager writes it, out of what local replicas hear and what other nodes announce; any
// goroutine reads it. A concurrent map instead of one published value, since ten thousand partitions change
// their leader one by one.
type Leaders struct {
	groups sync.Map // wal.GroupID → *Leadership
	sorted sorted[wal.GroupID]
}

// NewLeaders returns an empty table.
func NewLeaders() *Leaders { return &Leaders{} }

// Of returns who leads a group. It is never nil, also of a nil table: where nothing is known nobody leads.
func (l *Leaders) Of(group wal.GroupID) *Leadership {
	if l == nil {
		return unknownLeadership
	}
	if found, ok := l.groups.Load(group); ok {
		return found.(*Leadership)
	}
	return unknownLeadership
}

// Learn takes over what node from says about a group, unless what is known is better. It returns what was
// known before, and whether that changed. Only the manager calls it.
func (l *Leaders) Learn(group wal.GroupID, next *Leadership, from int32) (before *Leadership, changed bool) {
	before = l.Of(group)
	if !before.yieldsTo(next, from) || next.Equal(before) {
		return before, false
	}
	if _, known := l.groups.Swap(group, next); !known {
		l.sorted.changed()
	}
	return before, true
}

// Forget removes a group whose partition is gone. Only the manager calls it.
func (l *Leaders) Forget(group wal.GroupID) {
	if _, known := l.groups.LoadAndDelete(group); known {
		l.sorted.changed()
	}
}

// Each visits every group that something is known of until visit returns false, in the order of their ids.
func (l *Leaders) Each(visit func(wal.GroupID, *Leadership) bool) {
	for _, group := range l.sorted.get(l.byIDs) {
		if leadership, known := l.groups.Load(group); known && !visit(group, leadership.(*Leadership)) {
			return
		}
	}
}

// byIDs returns the ids of all groups in their order.
func (l *Leaders) byIDs() []wal.GroupID {
	var all []wal.GroupID
	l.groups.Range(func(group, _ any) bool {
		all = append(all, group.(wal.GroupID))
		return true
	})
	slices.Sort(all)
	return all
}

// Newest returns the better of what a replica on this node knows itself and what is known of its group: the
// replica is ahead for the moment that its news takes to the table. Either may be missing.
func (l *Leaders) Newest(group wal.GroupID, replica *Replica, node int32) *Leadership {
	known := l.Of(group)
	if replica == nil {
		return known
	}
	if own := replica.Leadership(); known.yieldsTo(own, node) {
		return own
	}
	return known
}
