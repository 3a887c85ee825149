package broker

import (
	"context"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Options is what a node is made of. Only Config is needed.
type Options struct {
	Config   config.Config
	Name     string // of the root of the tree; "" for broker
	Log      zerolog.Logger
	FS       vfs.FS               // nil: that of the operating system
	Registry *prometheus.Registry // nil: one of its own
	// Metrics is a registry of the host application that shows the metrics of this node too, with the label
	// node_id, while the node serves; nil: none does.
	Metrics prometheus.Registerer
	// Clock is that of the actors; nil: the machine's, which a configuration with admin.faults lets calls set
	// wrong. Sockets and disks keep the machine's time.
	Clock   kit.Clock
	Network Network // nil: TCP
	// Transport is how the node speaks with the others, in the place of gRPC over Network. It is for
	// simulations.
	Transport Transport
	// Trace sees each message right before it is handled, in the turn of the actor. It is for tests.
	Trace func(who kit.Address, message any)
	// Faults makes actors fail on purpose; nil: none, unless the configuration has admin.faults.
	Faults *kit.Faults
}

// Network is how a node is reached and reaches others: for Kafka clients, HTTP and the other nodes alike. A
// memnet.Network is one that leaves no port.
type Network interface {
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Transport connects the nodes of a cluster, in both directions.
type Transport interface {
	link.Transport
	server.Transport
}

// Option changes one of the Options.
type Option func(*Options)

// WithName names the root of the tree, below the actor that the host has spawned.
func WithName(name string) Option { return func(o *Options) { o.Name = name } }

// WithLogger has the node log to a logger; without, it logs nothing.
func WithLogger(log zerolog.Logger) Option { return func(o *Options) { o.Log = log } }

// WithMetrics shows the metrics of the node in a registry of the host.
func WithMetrics(registry prometheus.Registerer) Option {
	return func(o *Options) { o.Metrics = registry }
}

// WithClock gives the actors a clock.
func WithClock(clock kit.Clock) Option { return func(o *Options) { o.Clock = clock } }

// WithFileSystem keeps the data on another file system than the machine's.
func WithFileSystem(fs vfs.FS) Option { return func(o *Options) { o.FS = fs } }

// WithNetwork has the node listen and dial elsewhere than on TCP.
func WithNetwork(network Network) Option { return func(o *Options) { o.Network = network } }

// WithFaults lets a test make actors of the node fail.
func WithFaults(faults *kit.Faults) Option { return func(o *Options) { o.Faults = faults } }

// complete fills in what was left open.
func (o *Options) complete() {
	if o.Name == "" {
		o.Name = "broker"
	}
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Faults == nil && o.Config.Admin.Faults {
		o.Faults = new(kit.Faults)
	}
	if o.Clock == nil && o.Config.Admin.Faults {
		o.Clock = kit.NewSetClock(kit.RealClock{})
	}
}

// system is what the actors of the node live in.
func (o *Options) system() kit.SystemConfig {
	return kit.SystemConfig{
		Logger: o.Log, Metrics: o.Registry, Trace: o.Trace, Faults: o.Faults, Clock: o.Clock,
		SlowAfter: max(o.Config.Limits.HoldTime, 0), // unlimited is below 0
	}
}

// listen is how the node's listeners open their addresses; nil: as they do by themselves.
func (o *Options) listen() func(ctx context.Context, network, address string) (net.Listener, error) {
	if o.Network == nil {
		return nil
	}
	return o.Network.Listen
}

// dial is how the node reaches others; nil: as links do by themselves.
func (o *Options) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if o.Network == nil {
		return nil
	}
	return o.Network.DialContext
}
