package broker

import (
	crand "crypto/rand"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/cleaner"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/groups"
	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/listener"
	"github.com/chronik-go/chronik/actors/local"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	kafka "github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/storage"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// listenerName is what the one Kafka listener is called, in the tree and in the image.
const listenerName = "kafka"

// Bounds that all partition logs of the node share.
const (
	maxOpenFiles  = 4096
	maxIndexBytes = 64 << 20
)

// prepare makes what the parts share once the data directory is known.
func (a *Actor) prepare(c *kit.Context) error {
	settings := a.options.Config
	if err := a.joinNetwork(); err != nil {
		return err
	}
	dir := a.storage.Dir.Path("topics")
	if err := vfs.MkdirAllSync(a.options.FS, dir); err != nil {
		return fmt.Errorf("make directory of the topics: %w", err)
	}
	if err := partitionlog.RemoveDeleted(a.options.FS, dir); err != nil {
		return fmt.Errorf("finish removing deleted topics: %w", err)
	}
	a.handles = &partition.Options{
		FS: a.options.FS, LogDir: dir, Handles: partitionlog.NewHandleCache(maxOpenFiles, maxIndexBytes),
		Raft: c.Self().Child(nameRaft), Log: a.options.Log,
	}
	budget := kit.NewBudget(int64(settings.Limits.RequestMemory))
	sessions := fetch.NewSessions(int(settings.Limits.FetchSessions), kit.Random.Uint32())
	a.shared = &conn.Shared{
		Env:      a.env(c),
		Budget:   budget,
		Sessions: sessions,
		Metrics:  conn.NewMetrics(a.options.Registry, sessions, budget),
		Settings: conn.Settings{
			MaxRequestBytes: int(settings.Limits.RequestBytes), MaxHeldBytes: int64(settings.Limits.ConnectionMemory),
			MaxInFlight: int(settings.Limits.Pipeline), MaxIdle: settings.Limits.IdleTime,
			MaxStall: settings.Limits.StallTime, MaxWriteStall: settings.Limits.StallTime,
		},
	}
	return nil
}

// returnTime is how long clients are told of a node that has ended. With Kafka it is the session of a broker,
// nine seconds. Here it is what a supervisor needs to start the node again, as clients differ in what they
// make of it: librdkafka hangs if the node goes before its transaction has moved on, see package api, while
// franz-go, with the first generation of transactions, keeps to a coordinator as long as it is told of it.
const returnTime = 3 * time.Second

// env is what request handlers know about this node.
func (a *Actor) env(c *kit.Context) *request.Env {
	settings := a.options.Config
	env := &request.Env{
		NodeID:       settings.NodeID,
		Image:        a.current.Image,
		Controller:   a.current.Controller,
		Replicas:     a.table,
		Leaders:      a.leaders,
		Metadata:     c.Self().Child(nameMetadata),
		Partitions:   c.Self().Child(namePartitions),
		Brokers:      c.Self().Child(nameBrokers),
		Groups:       c.Self().Child(nameGroups),
		Transactions: c.Self().Child(nameTransactions),
		Disk:         a.storage.Space,
		Settings: request.Settings{
			RequestTimeout: settings.Limits.RequestTime,
			ProduceTimeout: settings.Limits.ProduceTime,
			FetchMaxBytes:  int32(settings.Limits.FetchBytes),
			Static:         staticConfigs(settings),
		},
		Log: a.options.Log,
		Now: a.system.Now,
	}
	if a.cluster != nil {
		env.Alive = a.cluster.peers.Alive
		env.Returning = func(node int32) bool {
			closed := a.cluster.peers.Closed(node)
			return !closed.IsZero() && a.system.Now().Sub(closed) < returnTime
		}
	}
	return env
}

// spawn builds a child by its name, the first time or again.
func (a *Actor) spawn(c *kit.Context, name string) {
	switch name {
	case nameStorage:
		c.Spawn(name, a.storageSpec())
	case nameRaft:
		c.Spawn(name, a.raftSpec(c))
	case nameMetadata:
		spec, err := a.metadataSpec(c)
		if err != nil {
			a.onFatal(c, err)
			return
		}
		c.Spawn(name, spec)
	case namePartitions:
		c.Spawn(name, a.partitionsSpec(c))
	case nameBrokers:
		c.Spawn(name, a.brokersSpec())
	case nameGroups:
		c.Spawn(name, a.groupsSpec(c))
	case nameTransactions:
		c.Spawn(name, a.transactionsSpec(c))
	case nameListener:
		c.Spawn(name, a.listenerSpec(c))
	case nameLocal:
		c.Spawn(name, local.Spec(local.Options{
			Env: a.shared.Env, Sessions: a.shared.Sessions, Budget: a.shared.Budget, Listener: listenerName,
			Log: a.options.Log,
		}))
	case nameAdmin:
		if a.options.Config.Bind.Metrics != "" {
			c.Spawn(name, a.adminSpec(c))
		}
	}
}

func (a *Actor) storageSpec() kit.Spec {
	settings := a.options.Config
	return storage.Spec(storage.Config{
		FS: a.options.FS, Dir: settings.DataDir, NodeID: settings.NodeID,
		WALFileBytes:    int64(settings.Storage.WALFileBytes),
		CheckpointBytes: int64(settings.Storage.CheckpointBytes),
		PlaceBytes:      int64(settings.Storage.PlaceBytes),
		ReserveBytes:    int64(settings.Storage.ReserveBytes),
		Metrics:         a.options.Registry, Log: a.options.Log,
	})
}

func (a *Actor) raftSpec(c *kit.Context) kit.Spec {
	return raftactor.HostSpec(raftactor.Config{
		WAL: a.storage.WAL, Janitor: a.storage.Janitor, Log: a.options.Log,
		NodeOf:  func(replica uint64) int32 { return image.ReplicaID(replica).Broker() },
		Network: a.network(c),
	})
}

func (a *Actor) metadataSpec(c *kit.Context) (kit.Spec, error) {
	settings := a.options.Config
	var endpoints []image.Endpoint
	if a.kafka != nil {
		endpoints = []image.Endpoint{a.endpoint}
	}
	id, err := image.ParseTopicID(a.storage.Dir.ID()) // directory ids have the same form
	if err != nil {
		return kit.Spec{}, fmt.Errorf("id of the data directory: %w", err)
	}
	options := metadata.Options{
		NodeID:    settings.NodeID,
		Directory: id,
		Endpoints: endpoints,
		Rack:      settings.Rack,
		ClusterID: a.storage.Dir.ClusterID(),
		Features:  features.Initial(),
		Supported: features.Supported(),
		Static:    staticConfigs(settings),
		FS:        a.options.FS,
		Dir:       a.storage.Dir.Path("metadata"),
		Raft:      c.Self().Child(nameRaft),
		Current:   a.current,
		Random:    crand.Reader,
		Log:       a.options.Log,
		Identity:  a.storage.Dir,
	}
	if a.cluster != nil {
		options.Peers, options.Self = a.cluster.peers, a.cluster.self
		options.RaftAddress = settings.Advertise.Raft
		for _, peer := range settings.Peers {
			options.Configured = append(options.Configured, peer.ID)
		}
	}
	return metadata.Spec(options)
}

func (a *Actor) partitionsSpec(c *kit.Context) kit.Spec {
	settings := a.options.Config
	static := staticConfigs(settings)
	options := partitions.Options{
		NodeID:    settings.NodeID,
		Table:     a.table,
		Leaders:   a.leaders,
		Metadata:  c.Self().Child(nameMetadata),
		Partition: a.handles,
		Configure: func(i *image.Image, topic *image.Topic) *partition.Config {
			return partition.ConfigOf(kafka.LayersOf(i, settings.NodeID, static, topic))
		},
		Moved:              c.Self(),
		RetentionInterval:  settings.Log.RetentionCheckInterval,
		ProducerExpiration: settings.Log.ProducerExpiration,
		Cleaner: &cleaner.Options{
			Interval: settings.Log.CompactionCheckInterval,
			Rate:     int64(settings.Log.CompactionRate),
			KeyBytes: int64(settings.Log.CompactionMemory),
			Metrics:  a.options.Registry,
			Log:      a.options.Log,
		},
		Log: a.options.Log,
	}
	if id, err := image.ParseTopicID(a.storage.Dir.ID()); err == nil {
		options.Directory = id
	}
	if a.cluster != nil {
		options.Peers = a.cluster.peers
	}
	return partitions.Spec(options)
}

func (a *Actor) groupsSpec(c *kit.Context) kit.Spec {
	settings := &a.options.Config.Groups
	migration, _ := modern.ParseMigration(settings.ConsumerMigration) // it was checked to be known
	return groups.Spec(groups.Options{
		Table:    a.table,
		Image:    a.current.Image,
		Metadata: c.Self().Child(nameMetadata),
		Settings: &consumers.Settings{
			Metrics: consumers.NewMetrics(a.options.Registry),
			Classic: classic.Settings{
				MinSession: settings.MinSessionTime, MaxSession: settings.MaxSessionTime,
				InitialDelay: settings.InitialRebalanceDelay, MaxSize: int(settings.MaxSize),
				NewID: func() string { return uuid(crand.Reader) },
			},
			Modern: modern.Settings{
				Session: settings.ConsumerSessionTime, Heartbeat: settings.ConsumerHeartbeat,
				MaxSize: int(settings.ConsumerMaxSize), Assignors: strings.Split(settings.ConsumerAssignors, ","),
				Migration: migration, ClassicMaxSize: int(settings.MaxSize),
				NewID: func() string { return uuid(crand.Reader) },
			},
			Image:            a.current.Image,
			Retention:        settings.OffsetsRetention,
			MaxMetadataBytes: int(settings.OffsetMetadataBytes),
		},
		CleanupInterval: settings.RetentionCheckInterval,
		Low:             a.storage.Space.Low,
		Log:             a.options.Log,
	})
}

// uuid returns a random id in the form that Kafka gives member ids (RFC 4122, version 4).
func uuid(random io.Reader) string {
	var id [16]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		panic("BUG: got no random bytes: " + err.Error()) // the system's source never fails
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func (a *Actor) listenerSpec(c *kit.Context) kit.Spec {
	address := a.options.Config.Bind.Kafka
	if a.kafka != nil {
		address = a.kafka.String() // the port that clients know
	}
	return listener.Spec(listener.Options{
		Name: listenerName, Address: address, MaxConnections: int(a.options.Config.Limits.Connections),
		MaxPerHost: int(a.options.Config.Limits.Connections), Held: true,
		Events: c.Self(), Shared: a.shared, Log: a.options.Log, Listen: a.options.listen(),
	})
}

func (a *Actor) adminSpec(c *kit.Context) kit.Spec {
	clock, _ := a.options.Clock.(*kit.SetClock) // nil: nobody sets it
	address := a.options.Config.Bind.Metrics
	if a.http != nil {
		address = a.http.String() // the port that scrapers know
	}
	return admin.Spec(admin.Options{
		Address:  address,
		APIKey:   a.options.Config.Admin.APIKey,
		Pprof:    a.options.Config.Admin.Pprof,
		Gatherer: a.options.Registry,
		Ready:    a.report.Ready,
		Status:   a.report.Status,
		Cluster:  a.report.Cluster,
		Change:   a.changer(c),
		Tree:     a.report.Tree,
		Listen:   a.options.listen(),
		Faults:   a.options.Faults,
		Clock:    clock,
		Owner:    c.Self(),
		Log:      a.options.Log,
	})
}

// advertised returns what clients are told: the configured address, with the listener's real port if the
// configuration left it to the system.
func advertised(settings config.Config, bound net.Addr) image.Endpoint {
	host, text, _ := net.SplitHostPort(settings.Advertise.Kafka) // the configuration was validated
	port, _ := strconv.Atoi(text)
	if port == 0 {
		_, text, _ = net.SplitHostPort(bound.String()) // it comes from a listener
		port, _ = strconv.Atoi(text)
	}
	return image.Endpoint{Listener: listenerName, Host: host, Port: int32(port), SecurityProtocol: "PLAINTEXT"}
}

// registered tells whether the image knows this node under its address.
func registered(i *image.Image, node int32, endpoint image.Endpoint) bool {
	broker := i.Broker(node)
	return broker != nil && slices.Contains(broker.Endpoints, endpoint)
}
