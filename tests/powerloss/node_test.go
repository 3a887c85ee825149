package powerloss

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/storage"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

const (
	nodeID  = 1
	dataDir = "/data"
)

// life is a node from one start to the loss of power.
type life struct {
	*kittest.Seeded
	t          *testing.T
	fs         vfs.FS
	config     *partition.Config
	table      *partition.Table
	current    *metadata.Current
	metadata   kit.Address
	storage    storage.Opened
	failures   []error
	placeBytes int64
	metrics    *prometheus.Registry
}

// placeBytes are what a life draws from: from which size on batches go straight to their segment. Never, all
// that can, some among others.
var placeBytes = [...]int64{-1, 1, 100, 400, 1000}

// startLife begins a life on a disk. Nothing has run yet.
func startLife(t *testing.T, seed uint64, fs vfs.FS, logConfig partitionlog.Config, placeBytes int64) *life {
	l := &life{
		Seeded: kittest.NewSeeded(t, seed), t: t, fs: fs, table: partition.NewTable(), current: metadata.NewCurrent(),
		config:     &partition.Config{Log: logConfig, MaxMessageBytes: 1 << 20},
		placeBytes: placeBytes, metrics: prometheus.NewRegistry(),
	}
	l.System.Spawn("broker", kit.Spec{New: func() kit.Actor { return &root{life: l} }, Log: kittest.NoLog})
	return l
}

// root builds the parts in the order of actors/broker, without a listener.
type root struct{ life *life }

// Receive implements kit.Actor.
func (r *root) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		c.Spawn("storage", storage.Spec(storage.Config{
			FS: r.life.fs, Dir: dataDir, NodeID: nodeID, Log: zerolog.Nop(), Incarnation: r.life.Random().Uint64,
			WALFileBytes: 16 << 10, CheckpointBytes: 32 << 10,
			Metrics: r.life.metrics, PlaceBytes: r.life.placeBytes,
		}))
	case storage.Opened:
		r.build(c, m)
	case storage.Failed:
		r.life.fail(m.Err)
	case metadata.ImageChanged:
		r.join(m.Image)
	case kit.ChildFailed:
		r.life.fail(asError(m.Reason))
	}
}

func (r *root) build(c *kit.Context, opened storage.Opened) {
	l := r.life
	l.storage = opened
	dir := opened.Dir.Path("topics")
	if err := vfs.MkdirAllSync(l.fs, dir); err != nil {
		l.fail(err)
		return
	}
	if err := partitionlog.RemoveDeleted(l.fs, dir); err != nil {
		l.fail(err)
		return
	}
	raft := c.Spawn("raft", raftactor.HostSpec(raftactor.Config{
		WAL: opened.WAL, Janitor: opened.Janitor, Log: zerolog.Nop()}))
	spec, err := l.metadataSpec(raft)
	if err != nil {
		l.t.Fatal(err)
	}
	l.metadata = c.Spawn("metadata", spec)
	c.Spawn("partitions", partitions.Spec(partitions.Options{
		NodeID: nodeID, Table: l.table, Metadata: l.metadata, RetentionInterval: time.Minute, Log: zerolog.Nop(),
		ProducerExpiration: math.MaxInt64, // the timestamps of the batches are their numbers
		Partition: &partition.Options{
			FS: l.fs, LogDir: dir, Handles: partitionlog.NewHandleCache(16, 1<<20), Raft: raft, Log: zerolog.Nop()},
		Configure: func(*image.Image, *image.Topic) *partition.Config { return l.config },
	}))
	l.metadata.Tell(metadata.Subscribe{Who: c.Self()})
}

func (l *life) metadataSpec(raft kit.Address) (kit.Spec, error) {
	id, err := image.ParseTopicID(l.storage.Dir.ID())
	if err != nil {
		return kit.Spec{}, err
	}
	var random [32]byte
	for i := range random {
		random[i] = byte(l.Random().Uint32())
	}
	return metadata.Spec(metadata.Options{
		NodeID: nodeID, Directory: id, ClusterID: l.storage.Dir.ClusterID(),
		Endpoints: []image.Endpoint{{Listener: "kafka", Host: "localhost", Port: 9092}},
		FS:        l.fs, Dir: l.storage.Dir.Path("metadata"), Raft: raft,
		Identity: l.storage.Dir, Current: l.current, Random: rand.NewChaCha8(random), Log: zerolog.Nop(),
	})
}

// join writes the cluster's id into the data directory, as the broker does.
func (r *root) join(i *image.Image) {
	dir := r.life.storage.Dir
	if id := i.ClusterID(); id != "" && dir.ClusterID() == "" {
		if err := dir.JoinCluster(id); err != nil {
			r.life.fail(err)
		}
	}
}

// placedBytes returns how many bytes went straight to a segment.
func (l *life) placedBytes() (bytes int) {
	families, err := l.metrics.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "chronik_wal_placed_bytes_total" {
			bytes = int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return bytes
}

func (l *life) fail(err error) { l.failures = append(l.failures, err) }

// steps runs up to n turns.
func (l *life) steps(n int) {
	for range n {
		if !l.Step() {
			return
		}
	}
}
