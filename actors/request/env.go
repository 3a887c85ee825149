package request

import (
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/coordinators"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// Env is what handlers know about the broker. It is built once and shared by all connections; nothing in
// it changes but what the functions return. All functions may be called from any goroutine.
type Env struct {
	NodeID       int32
	Image        func() *image.Image // the newest image of the cluster
	Controller   func() int32        // the broker that leads the metadata log, -1 if none is known
	Replicas     *partition.Table    // the partition replicas on this broker
	Leaders      *partition.Leaders  // who leads all partitions; nil: only replicas on this broker tell
	Alive        func(int32) bool    // whether a broker can be reached from here; nil: every one can
	Returning    func(int32) bool    // whether one that cannot be reached has just ended; nil: none has
	Metadata     kit.Address         // actor "metadata"
	Partitions   kit.Address         // actor "partitions"
	Brokers      kit.Address         // actor "brokers": asks any broker in Kafka's requests
	Groups       kit.Address         // actor "groups"
	Transactions kit.Address         // actor "transactions"
	Disk         Disk
	Settings     Settings
	Log          zerolog.Logger
	Now          func() time.Time
}

// Disk tells whether there is room to write.
type Disk interface {
	// Low says that free space is below the reserve: produce is refused.
	Low() bool
	// Describe returns the absolute path of the data directory and the room of its file system. It asks
	// the file system.
	Describe() (path string, space vfs.Space, err error)
}

// Settings are bounds on what a request may take, and the broker's own configs.
type Settings struct {
	// RequestTimeout bounds every request but produce and fetch, whatever the client asks for.
	RequestTimeout time.Duration
	// ProduceTimeout bounds a produce request, whatever the client asks for.
	ProduceTimeout time.Duration
	// FetchMaxBytes bounds the answer to a fetch, whatever the client asks for.
	FetchMaxBytes int32
	// Static holds the configs of the broker's configuration file by Kafka's names.
	Static map[string]string
}

// Layers returns where the configs of a topic come from on this broker; topic may be nil for the broker's
// own configs and the defaults of topics.
func (e *Env) Layers(i *image.Image, topic *image.Topic) config.Layers {
	return config.LayersOf(i, e.NodeID, e.Settings.Static, topic)
}

// Timeout returns how long a request may take whose client allows for so many milliseconds: no longer
// than RequestTimeout, and not at all where the client says 0 or less.
func (e *Env) Timeout(clientMillis int32) time.Duration {
	return min(max(time.Duration(clientMillis)*time.Millisecond, 0), e.Settings.RequestTimeout)
}

// IsAlive tells whether a broker can be reached from here. This one always can.
func (e *Env) IsAlive(broker int32) bool {
	return broker == e.NodeID || e.Alive == nil || e.Alive(broker)
}

// IsReturning tells whether a broker that cannot be reached from here has ended a moment ago, and will rather
// be started again than stay away.
func (e *Env) IsReturning(broker int32) bool { return e.Returning != nil && e.Returning(broker) }

// Coordinator returns the broker that coordinates what an internal topic keeps under a key: the leader of the
// key's partition, partition.NoLeader if the topic does not exist or nobody is known to lead.
func (e *Env) Coordinator(topic, key string) int32 {
	kept := e.Image().Topic(topic)
	if kept == nil {
		return partition.NoLeader
	}
	index := coordinators.PartitionOf(key, int32(len(kept.Partitions)))
	p, _ := kept.Partition(index)
	return e.Leadership(p.Group, e.Replicas.Lookup(topic, index)).Node
}

// Leadership returns who leads a partition, never nil. The replica is that on this broker, nil if there is
// none. A leader that cannot be reached from here is none: a client that was sent there would wait for its
// timeout, while one that is told that there is no leader asks again soon, when another one is elected.
func (e *Env) Leadership(group wal.GroupID, replica *partition.Replica) *partition.Leadership {
	known := e.Leaders.Newest(group, replica, e.NodeID)
	if known.Node == partition.NoLeader || e.IsAlive(known.Node) {
		return known
	}
	return &partition.Leadership{Node: partition.NoLeader, Epoch: known.Epoch}
}

// Client is who asks.
type Client struct {
	ID              string // of the request's header; may be empty
	Host            string // address of the peer
	Listener        string // the listener that the connection came in through
	Software        string // what the client told with ApiVersions 3+
	SoftwareVersion string
}

// Done brings the answer to a request back to its connection. Exactly one is sent for each.
type Done struct {
	Slot uint64 // of the connection's ordered replies
	Body kmsg.Response
}

// IsReply implements kit.Reply: the client may have gone meanwhile.
func (Done) IsReply() {}
