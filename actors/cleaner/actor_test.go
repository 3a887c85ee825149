package cleaner

import (
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// world is a cleaner with some replicas whose machines the test plays the applier for. All runs inline.
type world struct {
	*testing.T
	fs      *vfs.Mem
	clock   *kittest.Clock
	table   *partition.Table
	cleaner kit.Address
}

const rate = 1 << 20

func newWorld(t *testing.T) *world {
	system, clock := kittest.NewInline(t)
	w := &world{T: t, fs: vfs.NewMem(), clock: clock, table: partition.NewTable()}
	w.must(vfs.MkdirAllSync(w.fs, "/data"))
	w.cleaner = system.Spawn("cleaner", Spec(Options{
		Table: w.table, Interval: time.Minute, Rate: rate, KeyBytes: 1 << 20, Log: zerolog.Nop(),
	}))
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// host makes a replica of a topic of its own and fills its log with updates of ten keys: the share of closed
// segments that was never looked at is everything.
func (w *world) host(name string, id byte, compact bool, updates int) *partition.Replica {
	w.Helper()
	config := &partition.Config{Compact: compact, Log: partitionlog.Config{
		SegmentBytes: 32 << 10, RetentionBytes: -1, RetentionMs: -1, Compact: compact, MinCleanableRatio: 0.5,
	}}
	replica := partition.NewReplica(name, [16]byte{15: id}, 0, 7, config)
	replica.Dir = "/data/" + replica.Name()
	machine, err := partition.OpenMachine(replica, &partition.Options{FS: w.fs, LogDir: "/data"}, nil, false)
	w.must(err)
	for i := range updates {
		b := batch.Build(batch.Options{BaseOffset: protocol.Offset(i), LeaderEpoch: 1},
			batch.Record{Timestamp: 1, Key: fmt.Append(nil, i%10), Value: make([]byte, 1000)})
		_, err := machine.Apply([]applier.Entry{{Term: 1, Index: uint64(i + 1), Data: b}})
		w.must(err)
	}
	flush, err := machine.Capture()
	w.must(err)
	state, err := flush()
	w.must(err)
	machine.Checkpointed(state)
	w.table.Put(&partition.Topic{Name: name, ID: replica.TopicID, Replicas: []*partition.Replica{replica}})
	return replica
}

// TestLogsAreCompactedOneAfterTheOther compacts what asks for it, and nothing else, at the rate that is set.
func TestLogsAreCompactedOneAfterTheOther(t *testing.T) {
	w := newWorld(t)
	one, two := w.host("one", 1, true, 1000), w.host("two", 2, true, 1000)
	other := w.host("other", 3, false, 1000)
	size := one.View().Size()
	w.cleaner.Tell(Look{})
	took := time.Duration(0)
	for one.View().Size() > size/10 || two.View().Size() > size/10 {
		w.clock.Advance(100 * time.Millisecond)
		if took += 100 * time.Millisecond; took > time.Minute {
			t.Fatal("it goes on and on")
		}
	}
	// Each log is read twice; what is written is little.
	if least := 3 * time.Duration(size) * time.Second / rate; took < least {
		t.Errorf("got done in %v, want at least %v at that rate", took, least)
	}
	if other.View().Size() != size {
		t.Error("a log was compacted that should not be")
	}
}

// TestARestingLogFollowsItsTopic compacts a log that nobody writes to any more once its topic wants that.
func TestARestingLogFollowsItsTopic(t *testing.T) {
	w := newWorld(t)
	resting := w.host("resting", 1, false, 1000)
	size, config := resting.View().Size(), *resting.Config()
	config.Compact, config.Log.Compact = true, true
	resting.Reconfigure(&config)
	w.cleaner.Tell(Look{})
	for range 100 {
		w.clock.Advance(100 * time.Millisecond)
	}
	if got := resting.View().Size(); got > size/10 {
		t.Errorf("got %d bytes of %d, want a tenth at most", got, size)
	}
}

// TestADamagedLogIsLeftAlone goes on with the others and comes back to it later.
func TestADamagedLogIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	bad := w.host("bad", 1, true, 1000)
	w.must(w.fs.FlipBit("/data/bad-0/00000000000000000000.log", 20, 3))
	w.cleaner.Tell(Look{})
	for range 100 {
		w.clock.Advance(100 * time.Millisecond)
	}
	good := w.host("good", 2, true, 1000)
	size := good.View().Size()
	w.clock.Advance(time.Minute)
	for range 100 {
		w.clock.Advance(100 * time.Millisecond)
	}
	if bad.View().Size() != size || good.View().Size() == size {
		t.Errorf("got %d and %d bytes of %d", bad.View().Size(), good.View().Size(), size)
	}
}

// TestADeletedLogDoesNoHarm deletes a log in the middle of its compaction.
func TestADeletedLogDoesNoHarm(t *testing.T) {
	w := newWorld(t)
	gone := w.host("gone", 1, true, 1000)
	w.cleaner.Tell(Look{})
	w.clock.Advance(300 * time.Millisecond)
	w.must(gone.Log().Delete())
	w.table.Drop(w.table.Topic("gone"))
	next := w.host("next", 2, true, 1000)
	size := next.View().Size()
	w.clock.Advance(time.Minute)
	for range 100 {
		w.clock.Advance(100 * time.Millisecond)
	}
	if next.View().Size() == size {
		t.Error("the cleaner does not go on")
	}
	if _, err := w.fs.Stat("/data/gone-0"); !vfs.IsNotExist(err) {
		t.Errorf("got %v, want a directory that is gone", err)
	}
}
