package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// tcpKeepAlive finds a peer whose machine went away during catch-up. Links have pings of their own.
var tcpKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 5}

// ioBuffer is how much a connection reads or writes with one call of the system at most.
const ioBuffer = 128 << 10

// connection is a connection of gRPC that can be ended at once.
type connection struct {
	*grpc.ClientConn

	socket atomic.Pointer[net.Conn] // nil: there is none yet
}

// Close ends the connection. gRPC would first say goodbye to the peer, and wait for five seconds when the
// socket takes no more, as that of a peer which is frozen or cut off: so the socket goes first.
func (c *connection) Close() error {
	if socket := c.socket.Load(); socket != nil {
		_ = (*socket).Close() // gRPC closes it again, and says what there is to say
	}
	return c.ClientConn.Close()
}

// keep notes the socket that was made.
func (c *connection) keep(socket net.Conn, err error) (net.Conn, error) {
	if err == nil {
		c.socket.Store(&socket)
	}
	return socket, err
}

// connect returns a connection to an address, which is made when the first stream needs it and never again:
// the back-off of gRPC is not ours.
func connect(address string, options *Options) (*connection, error) {
	transport := insecure.NewCredentials()
	if options.TLS != nil {
		transport = credentials.NewTLS(options.TLS)
	}
	dial, c := options.Dial, &connection{}
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: tcpKeepAlive}).DialContext
	}
	var err error
	c.ClientConn, err = grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(transport),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return c.keep(dial(ctx, "tcp", address))
		}),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.Codec{}),
			grpc.MaxCallRecvMsgSize(wire.MaxFrame), grpc.MaxCallSendMsgSize(wire.MaxFrame),
		),
		grpc.WithInitialWindowSize(wire.Window), grpc.WithInitialConnWindowSize(wire.Window),
		grpc.WithReadBufferSize(ioBuffer), grpc.WithWriteBufferSize(ioBuffer),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithNoProxy(), grpc.WithIdleTimeout(0),
	)
	return c, err
}

// plain takes the code of gRPC out of an error, which says nothing that its text does not.
func plain(err error) error {
	if s, ok := status.FromError(err); ok && s != nil {
		return errors.New(s.Message())
	}
	return err
}

// LoadTLS returns what both sides of mutual TLS need: the certificate of this node with its key, and the
// authorities of which the certificates of all peers must come. The files are in PEM.
func LoadTLS(certificate, key, authorities string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate for peers: %w", err)
	}
	text, err := os.ReadFile(authorities)
	if err != nil {
		return nil, fmt.Errorf("load the authorities of peers: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("load the authorities of peers: %s holds no certificate in PEM", authorities)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}
