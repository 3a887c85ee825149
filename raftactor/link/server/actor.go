package server

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// Name is what the server is spawned as.
const Name = "server"

// Limits of connections.
const (
	ioBuffer   = 128 << 10 // read or written with one call of the system at most
	maxStreams = 16        // on one connection; a peer opens two, and one for each catch-up on its own
	handshake  = 5 * time.Second
)

// lost finds connections of peers that went away without a word. Pings of the peer come every 100 ms, so
// one that sends nothing for 2 s is asked, and cut after 2 s more.
var lost = keepalive.ServerParameters{Time: 2 * time.Second, Timeout: 2 * time.Second}

// Spec returns how to spawn a server.
func Spec(config Config) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return &Actor{config: config} }, Log: &config.Log}
}

// Actor serves the peers of this node. See the package comment for its card.
type Actor struct {
	config Config
	// listener is kept from the first moment on, so that no failure leaks it; nil if the address could not be
	// bound.
	listener net.Listener
	server   *grpc.Server // nil until it serves
	handler  *handler
	door     *Door // instead of server, with a Transport
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case stopped:
		panic(fmt.Errorf("peer server failed: %w", m.err))
	case kit.Stopping:
		a.onStopping()
	}
}

// onStarted binds the address, which is immediate, and serves.
func (a *Actor) onStarted(c *kit.Context) {
	if a.config.Transport != nil {
		a.onDoor(c)
		return
	}
	listen := a.config.Listen
	if listen == nil {
		listen = (&net.ListenConfig{}).Listen
	}
	listener, err := listen(context.Background(), "tcp", a.config.Address)
	if err != nil {
		a.config.Events.Tell(Bound{Err: err})
		c.Stop(c.Self())
		return
	}
	a.listener = listener
	a.handler = newHandler(a.config, *c.Log())
	a.server = grpc.NewServer(a.serverOptions()...)
	a.server.RegisterService(wire.Service(), a.handler)
	go serve(a.server, listener, c.Self())
	c.Log().Info().Stringer("address", listener.Addr()).Msg("listening for peers")
	a.config.Events.Tell(Bound{Addr: listener.Addr()})
}

func (a *Actor) serverOptions() []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.Codec{}),
		grpc.MaxRecvMsgSize(wire.MaxFrame), grpc.MaxSendMsgSize(wire.MaxFrame),
		grpc.InitialWindowSize(wire.Window), grpc.InitialConnWindowSize(wire.Window),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(ioBuffer),
		grpc.MaxConcurrentStreams(maxStreams), grpc.ConnectionTimeout(handshake), grpc.KeepaliveParams(lost),
		grpc.WaitForHandlers(true), grpc.StreamInterceptor(a.handler.guard),
	}
	if a.config.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(a.config.TLS)))
	}
	return options
}

// onStopping closes all connections and waits for the goroutines of the streams, which end at once but for
// a Config.CatchUp that is under way.
func (a *Actor) onStopping() {
	switch {
	case a.server != nil:
		a.server.Stop()
		a.handler.join()
	case a.door != nil:
		a.config.Transport.Shut(a.door)
	}
	if a.listener != nil {
		_ = a.listener.Close() // the server has closed it, unless it had not begun to serve
	}
}
