package partition

import (
	"strconv"
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// Replica is the handle of one partition replica: who it is, where to send to it, and an always current
// view of what can be read. Any goroutine may use it; only the replica's actor and its machine change it.
type Replica struct {
	Topic     string
	TopicID   image.TopicID
	Partition int32
	Group     wal.GroupID
	ID        uint64      // Raft's id of this replica
	Voters    []uint64    // replicas that a new group begins with; nil joins one that exists
	Preferred uint64      // replica of a new group that stands for election first; 0: nobody in particular
	Dir       string      // directory of the log
	Core      kit.Address // of the Raft group: takes group.Propose
	Waiters   kit.Address // of the replica's actor: takes Wait and Unwait

	log        atomic.Pointer[partitionlog.Log]
	placer     atomic.Pointer[partitionlog.Placer]
	leadership atomic.Pointer[Leadership]
	members    atomic.Pointer[group.MembersChanged]
	want       atomic.Pointer[group.Want]
	config     atomic.Pointer[Config]
	watched    atomic.Bool
	offline    atomic.Bool

	transactions transactions
}

// NewReplica returns the handle of a replica whose log is not open yet. The caller fills in the rest before
// he shows it to anybody.
func NewReplica(topic string, id image.TopicID, partition int32, group wal.GroupID, config *Config) *Replica {
	r := &Replica{Topic: topic, TopicID: id, Partition: partition, Group: group}
	r.leadership.Store(unknownLeadership)
	r.config.Store(config)
	return r
}

// Name returns "<topic>-<index>", the name of its directory and of its Raft group.
func (r *Replica) Name() string { return r.Topic + "-" + strconv.Itoa(int(r.Partition)) }

// View returns the newest immutable view of the log, nil until the log has been opened.
func (r *Replica) View() *partitionlog.View {
	log := r.log.Load()
	if log == nil {
		return nil
	}
	return log.View()
}

// Log returns the log, nil until it has been opened. Only the machine may change it; anybody may compact it.
func (r *Replica) Log() *partitionlog.Log { return r.log.Load() }

// Leadership returns who leads, as this replica knows.
func (r *Replica) Leadership() *Leadership { return r.leadership.Load() }

// InSync returns how many replicas are known to have everything that is committed, 0 where this node does not
// lead. The leader counts itself; a follower counts once its progress has been measured, never because it is
// configured.
func (r *Replica) InSync() int {
	leadership := r.Leadership()
	if !leadership.Ready {
		return 0
	}
	return max(1, len(leadership.InSync))
}

// Members returns what this replica last knew of the members of its group while it led, nil if it never did.
// It is current if its term is the epoch of the Leadership.
func (r *Replica) Members() *group.MembersChanged { return r.members.Load() }

// Want returns who the group was last told to have as members, nil if it was told nothing.
func (r *Replica) Want() *group.Want { return r.want.Load() }

// Offline tells that the replica was given up until the node is started again.
func (r *Replica) Offline() bool { return r.offline.Load() }

// Config returns the effective topic configuration.
func (r *Replica) Config() *Config { return r.config.Load() }

// Reconfigure publishes a new configuration; the log follows with its next append, or before its compaction.
func (r *Replica) Reconfigure(config *Config) { r.config.Store(config) }

// publishLog is called by the machine once its log is open.
func (r *Replica) publishLog(log *partitionlog.Log) { r.log.Store(log) }

// place begins to follow what enters the write-ahead log, for the log that is opened next.
func (r *Replica) place(loaded []wal.Entry) walactor.Placer {
	placer := partitionlog.NewPlacer(loaded)
	r.placer.Store(placer)
	return placer
}

// unlead is called by a machine that is about to show less than readers have seen, since it has been rebuilt
// from its last checkpoint. Its group has told that it does not lead, and will tell when it does and
// everything is applied again; but the replica's actor may be late, or be rebuilt itself and have missed
// that. Until then a reader who was further would be told that his offset does not exist, and begin anew.
//
// Whoever serves reads the view first and the leadership then: so he who finds the shorter view finds no
// leader.
func (r *Replica) unlead() {
	before := r.leadership.Load()
	for before.Ready && !r.leadership.CompareAndSwap(before, &Leadership{Node: NoLeader, Epoch: before.Epoch}) {
		before = r.leadership.Load()
	}
}

// removeLog removes the files of the log. Its owner, the applier, has ended; readers that still send from a
// segment finish undisturbed.
func (r *Replica) removeLog(fs vfs.FS) error {
	if log := r.log.Load(); log != nil {
		return log.Delete()
	}
	return partitionlog.Remove(fs, r.Dir, r.TopicID)
}

// wake tells the replica's actor that the high watermark moved, if anybody waits.
//
// No wake-up is lost: the machine publishes the view and then reads watched; the actor sets watched and
// then reads the view. Whichever comes second sees the other's write.
func (r *Replica) wake() {
	if r.watched.Load() {
		r.Waiters.Tell(advanced{})
	}
}
