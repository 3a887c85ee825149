package server

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/rs/zerolog"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

// Defaults of Config.
const (
	DefaultRate     = 512 << 20
	DefaultCatchUps = 4
)

// Config says how to serve the peers of this node.
type Config struct {
	// Listen opens the address; nil: TCP.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// Transport is how peers come in the place of gRPC; nil: over gRPC.
	Transport Transport

	Address string // host:port to listen at; port 0 takes a free one
	Self    *link.Self
	Peers   *link.Peers // the links the other way, which take pongs along; nil: every ping is answered by itself
	TLS     *tls.Config // nil: no TLS; see link.LoadTLS
	Log     zerolog.Logger

	// Known says whether a node may speak to this one; nil: any. Called on any goroutine.
	Known func(node int32) bool
	// Events gets Bound, link.Greeted and link.Refused.
	Events kit.Address
	// Services get link.Incoming and link.Noticed.
	Services map[link.Service]kit.Address
	// Deliver takes messages of raft, in the order of the stream they came on, on its goroutine. It must not
	// wait. The messages belong to it.
	Deliver func(from int32, group wal.GroupID, messages []*raftpb.Message)
	// CatchUp returns what a replica on the node lacks that has have. Called on a goroutine that serves only
	// this; it may wait until ctx ends. nil: there is nothing here to be had.
	CatchUp func(ctx context.Context, from int32, group wal.GroupID, have []byte) (applier.Source, error)
	// Share is CatchUp for a Transport: it answers with applier.Shared and does not wait.
	Share func(group wal.GroupID, have []byte, replyTo kit.Address)
	// Rate bounds what all sources together send, in bytes per second; 0 for DefaultRate.
	Rate int
	// CatchUps bounds how many sources are read at once; 0 for DefaultCatchUps.
	CatchUps int
}
