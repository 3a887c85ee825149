package partitions

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/wal"
)

// announcement is what a node tells the others about the partitions that it leads, or does not lead any
// more. Its layout is drawn in the package comment.
type announcement struct {
	// first and last frame an exchange, in which a node tells of all partitions that it leads. What is told
	// between two exchanges is only what has changed.
	first, last bool
	// ask wants an exchange in return: what the other node has told so far may not have arrived.
	ask     bool
	changes []leadershipChange
}

// leadershipChange is what became of one group.
type leadershipChange struct {
	group  wal.GroupID
	epoch  protocol.LeaderEpoch
	leads  bool    // the sender leads and accepts appends; else it has stepped down in that epoch
	inSync []int32 // brokers, ascending; with leads only
	learns []int32 // the same
}

const (
	announcementVersion = 1

	flagFirst = 1 << 0
	flagLast  = 1 << 1
	flagAsk   = 1 << 2

	flagLeads = 1 << 0

	// maxChanges bounds the changes of one announcement, maxMembers the brokers that one of them lists. A
	// sender splits what is more.
	maxChanges = 4096
	maxMembers = 64

	// leastChange is the least number of bytes that a change takes.
	leastChange = 3
)

// errAnnouncement says that bytes are no announcement of a version that is known here.
var errAnnouncement = errors.New("announcement of leaders cannot be read")

// encode returns the announcement in bytes.
func (a *announcement) encode() []byte {
	b := make([]byte, 0, 8+16*len(a.changes))
	flags := byte(0)
	if a.first {
		flags |= flagFirst
	}
	if a.last {
		flags |= flagLast
	}
	if a.ask {
		flags |= flagAsk
	}
	b = append(b, announcementVersion, flags)
	b = binary.AppendUvarint(b, uint64(len(a.changes)))
	for i := range a.changes {
		b = a.changes[i].append(b)
	}
	return b
}

func (c *leadershipChange) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.group))
	b = binary.AppendUvarint(b, uint64(uint32(c.epoch)))
	if !c.leads {
		return append(b, 0)
	}
	b = append(b, flagLeads)
	b = appendBrokers(b, c.inSync)
	return appendBrokers(b, c.learns)
}

func appendBrokers(b []byte, brokers []int32) []byte {
	brokers = brokers[:min(len(brokers), maxMembers)]
	b = binary.AppendUvarint(b, uint64(len(brokers)))
	for _, broker := range brokers {
		b = binary.AppendUvarint(b, uint64(uint32(broker)))
	}
	return b
}

// decodeAnnouncement reads an announcement. It takes no more memory than the bytes are worth, and refuses
// what encode would not have written.
func decodeAnnouncement(data []byte) (*announcement, error) {
	if len(data) < 3 || data[0] != announcementVersion || data[1]&^(flagFirst|flagLast|flagAsk) != 0 {
		return nil, errAnnouncement
	}
	d := decoder{rest: data[2:]}
	a := &announcement{first: data[1]&flagFirst != 0, last: data[1]&flagLast != 0, ask: data[1]&flagAsk != 0}
	count := d.number(maxChanges)
	if count*leastChange > uint64(len(d.rest)) {
		return nil, errAnnouncement
	}
	a.changes = make([]leadershipChange, count)
	for i := range a.changes {
		a.changes[i] = d.change()
	}
	if d.failed || len(d.rest) > 0 {
		return nil, errAnnouncement
	}
	return a, nil
}

// decoder reads from the front of what is left. After a failure it returns zeros.
type decoder struct {
	rest   []byte
	failed bool
}

// number reads one that is at most the limit, in the fewest bytes that it takes.
func (d *decoder) number(limit uint64) uint64 {
	value, size := binary.Uvarint(d.rest)
	if d.failed || size <= 0 || value > limit || size > 1 && d.rest[size-1] == 0 {
		d.failed = true
		return 0
	}
	d.rest = d.rest[size:]
	return value
}

func (d *decoder) byte() byte {
	if d.failed || len(d.rest) == 0 {
		d.failed = true
		return 0
	}
	value := d.rest[0]
	d.rest = d.rest[1:]
	return value
}

func (d *decoder) change() leadershipChange {
	c := leadershipChange{group: wal.GroupID(d.number(math.MaxUint64))}
	c.epoch = protocol.LeaderEpoch(d.number(math.MaxInt32))
	switch d.byte() {
	case 0:
	case flagLeads:
		c.leads = true
		c.inSync, c.learns = d.brokers(), d.brokers()
	default:
		d.failed = true
	}
	return c
}

// brokers reads ids in ascending order.
func (d *decoder) brokers() []int32 {
	count := d.number(maxMembers)
	if count == 0 || count > uint64(len(d.rest)) {
		d.failed = d.failed || count > 0
		return nil
	}
	brokers := make([]int32, count)
	for i := range brokers {
		brokers[i] = int32(d.number(math.MaxInt32))
		if i > 0 && brokers[i] <= brokers[i-1] {
			d.failed = true
		}
	}
	return brokers
}

// leadership returns the change as the node that told it means it.
func (c *leadershipChange) leadership(from int32) *partition.Leadership {
	if !c.leads {
		return &partition.Leadership{Node: partition.NoLeader, Epoch: c.epoch}
	}
	return &partition.Leadership{
		Node: from, Epoch: c.epoch, Ready: true, InSync: c.inSync, Learners: c.learns,
	}
}

// changeOf returns what a node tells the others of a group, or false if there is nothing that it knows better
// than they do: it does not lead, or is not ready to.
func changeOf(group wal.GroupID, l *partition.Leadership, node int32) (leadershipChange, bool) {
	switch {
	case l.Node == node && l.Ready:
		return leadershipChange{group, l.Epoch, true, l.InSync, l.Learners}, true
	case l.Node == partition.NoLeader:
		return leadershipChange{group: group, epoch: l.Epoch}, true
	}
	return leadershipChange{}, false
}

// encodeAll splits changes into announcements. An exchange has at least one, which may be empty.
func encodeAll(changes []leadershipChange, exchange bool) [][]byte {
	var all [][]byte
	for first := true; first && exchange || len(changes) > 0; first = false {
		n := min(len(changes), maxChanges)
		a := announcement{first: exchange && first, changes: changes[:n]}
		changes = changes[n:]
		a.last = exchange && len(changes) == 0
		all = append(all, a.encode())
	}
	return all
}
