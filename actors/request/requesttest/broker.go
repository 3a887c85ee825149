package requesttest

import (
	"context"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// NodeID is the node that tests run on; it leads everything at first, in Epoch.
const NodeID int32 = 1

// Epoch is the leader epoch that everything begins with.
const Epoch = 3

// patience bounds what a test waits for.
const patience = 20 * time.Second

// Broker is what requests meet.
type Broker struct {
	System  *kit.System
	Env     *request.Env
	Cores   map[string]*Core // by replica name
	Doors   map[string]*Door // the same
	DiskLow atomic.Bool

	t       testing.TB
	image   atomic.Pointer[image.Image]
	options partition.Options
}

// New returns a broker with no topics, whose logs lie in the memory file system, or in a temporary directory
// if fs is vfs.OS(). It ends with the test.
func New(t testing.TB, fs vfs.FS) *Broker {
	b := &Broker{
		System: kit.NewSystem(kit.SystemConfig{Name: "test"}),
		Cores:  map[string]*Core{}, Doors: map[string]*Door{}, t: t,
	}
	b.options = partition.Options{FS: fs, LogDir: t.TempDir(), Log: zerolog.Nop()}
	b.image.Store(image.New())
	b.apply(&metadatapb.Command{Kind: &metadatapb.Command_FormCluster{
		FormCluster: &metadatapb.FormCluster{ClusterId: "test-cluster"},
	}})
	b.Register(NodeID, "localhost", 9092)
	b.Env = &request.Env{
		NodeID: NodeID, Image: b.image.Load, Controller: func() int32 { return NodeID },
		Replicas: partition.NewTable(), Disk: disk{&b.DiskLow, b.options}, Log: zerolog.Nop(), Now: time.Now,
		Settings: request.Settings{
			RequestTimeout: 30 * time.Second, ProduceTimeout: 10 * time.Second, FetchMaxBytes: 55 << 20,
		},
	}
	t.Cleanup(b.System.Shutdown)
	return b
}

// disk implements request.Disk.
type disk struct {
	low     *atomic.Bool
	options partition.Options
}

func (d disk) Low() bool { return d.low.Load() }

func (d disk) Describe() (string, vfs.Space, error) {
	space, err := d.options.FS.Free(d.options.LogDir)
	return d.options.LogDir, space, err
}

// Register adds a broker to the image.
func (b *Broker) Register(id int32, host string, port int32) {
	b.apply(&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{
		RegisterBroker: &metadatapb.RegisterBroker{
			Id: id, Directory: make([]byte, 16), Rack: "rack-" + strconv.Itoa(int(id)),
			Endpoints: []*metadatapb.Endpoint{{
				Listener: "test", Host: host, Port: port, SecurityProtocol: "PLAINTEXT",
			}},
		},
	}})
}

func (b *Broker) apply(command *metadatapb.Command) {
	next, event := b.image.Load().Apply(command)
	if rejected, ok := event.(image.Rejected); ok {
		b.t.Fatal(rejected.Err)
	}
	b.image.Store(next)
}

// TopicID returns the id that CreateTopic gives a topic of that name.
func TopicID(name string) (id image.TopicID) {
	copy(id[:], "topic-id-of-    ")
	copy(id[12:], name)
	return id
}

// CreateTopic makes a topic whose partitions this node leads.
func (b *Broker) CreateTopic(name string, partitions int32, configs map[string]string) {
	id := TopicID(name)
	create := &metadatapb.CreateTopic{Name: name, Id: id[:], Configs: configs}
	for range partitions {
		create.Partitions = append(create.Partitions, &metadatapb.Assignment{Brokers: []int32{NodeID}})
	}
	b.apply(&metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: create}})
	current := b.image.Load()
	topic := &partition.Topic{Name: name, ID: id}
	effective := partition.ConfigOf(config.LayersOf(current, NodeID, nil, current.Topic(name)))
	for index := range partitions {
		topic.Replicas = append(topic.Replicas, b.open(name, index, effective))
	}
	b.Env.Replicas.Put(topic)
}

// open starts one replica.
func (b *Broker) open(name string, index int32, c *partition.Config) *partition.Replica {
	created, _ := b.image.Load().Topic(name).Partition(index)
	r := partition.NewReplica(name, TopicID(name), index, created.Group, c)
	r.Dir = filepath.Join(b.options.LogDir, r.Name())
	if err := b.options.FS.MkdirAll(r.Dir); err != nil {
		b.t.Fatal(err)
	}
	machine, err := partition.OpenMachine(r, &b.options, nil, false)
	if err != nil {
		b.t.Fatal(err)
	}
	core := &Core{machine: machine, preparer: machine.Lead(Epoch)} // nothing is verified before it leads
	b.Cores[r.Name()] = core
	r.Core = b.System.Spawn("group-"+r.Name(), kit.Spec{New: func() kit.Actor { return core }})
	b.t.Cleanup(func() { b.stop(r.Core) })
	door := &Door{}
	b.Doors[r.Name()] = door
	r.Waiters = b.System.Spawn("door-"+r.Name(), kit.Spec{New: func() kit.Actor { return door }})
	door.to = b.System.Spawn("partition-"+r.Name(), partition.Spec(r, &b.options)) // which looks at the replica
	b.Lead(r, NodeID, Epoch)
	return r
}

// stop stops an actor, so that what it owns is closed in its own turn.
func (b *Broker) stop(a kit.Address) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.System.StopAndWait(ctx, a); err != nil {
		b.t.Error(err)
	}
}

// Lead makes a node the leader of a replica and waits until that is known. Node 0 stands for nobody.
func (b *Broker) Lead(r *partition.Replica, node int32, epoch uint64) {
	leader := uint64(0)
	if node != 0 {
		leader = uint64(image.NewReplicaID(node, 1))
	}
	b.Doors[r.Name()].to.Tell(group.LeaderChanged{
		Group: r.Group, Leader: leader, Term: epoch, Ready: node == NodeID,
	})
	want := node
	if node == 0 {
		want = partition.NoLeader
	}
	b.Eventually(func() bool {
		l := r.Leadership()
		return l.Node == want && l.Epoch == protocol.LeaderEpoch(epoch) && l.Ready == (node == NodeID)
	})
}

// Replica returns a replica by name and index.
func (b *Broker) Replica(topic string, index int32) *partition.Replica {
	return b.Env.Replicas.Lookup(topic, index)
}

// Append writes records to a partition, as a committed produce would, and returns the bytes in the log.
func (b *Broker) Append(topic string, index int32, values ...string) batch.Batch {
	records := make([]batch.Record, len(values))
	for i, value := range values {
		records[i] = batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("key"), Value: []byte(value)}
	}
	built := batch.Build(batch.Options{}, records...)
	b.propose(b.Replica(topic, index), partition.Append{Batch: built, AppendTime: -1})
	return built
}

// AppendTransactional writes a record of a producer's transaction to a partition.
func (b *Broker) AppendTransactional(topic string, index int32, producer batch.Producer) batch.Batch {
	options := batch.Options{Transactional: true, Producer: &producer}
	built := batch.Build(options, batch.Record{Timestamp: time.Now().UnixMilli(), Value: []byte("value")})
	replica := b.Replica(topic, index)
	verification, err := replica.Verify(producer.ID, producer.Epoch, producer.Sequence, false, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	if verification != nil {
		verification.Confirm(producer.Epoch)
	}
	b.propose(replica, partition.Append{Batch: built, AppendTime: -1, Verification: verification})
	return built
}

// EndTransaction writes the marker of a producer's transaction to a partition.
func (b *Broker) EndTransaction(topic string, index int32, producer batch.Producer, commit bool) {
	b.propose(b.Replica(topic, index), partition.EndTransaction{
		TransactionMarker: partitionlog.TransactionMarker{ProducerID: producer.ID, ProducerEpoch: producer.Epoch},
		Commit:            commit,
	})
}

// propose waits until what is proposed can be read.
func (b *Broker) propose(replica *partition.Replica, request any) {
	b.t.Helper()
	end := replica.View().End()
	replica.Core.Tell(group.Propose{Request: request})
	b.Eventually(func() bool { return replica.View().End() >= end+1 })
}

// Eventually is the function of that name, for the broker's own test.
func (b *Broker) Eventually(condition func() bool) {
	b.t.Helper()
	Eventually(b.t, condition)
}

// Eventually waits until a condition of other goroutines holds, or fails the test.
func Eventually(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("condition did not come true in time")
		}
	}
}
