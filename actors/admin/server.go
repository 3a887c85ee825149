package admin

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
)

// Bounds of one HTTP client. Profiles run longer than replyTime; net/http/pprof extends it for itself.
const (
	headerTime  = 5 * time.Second
	requestTime = 10 * time.Second
	replyTime   = 30 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
	// connections at once; one more waits in the kernel's queue. Scrapers and probes need a handful.
	connections = 128
)

func newHTTPServer(handler http.Handler, logger *zerolog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      replyTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		// What a client did wrong is nothing to look at.
		ErrorLog: log.New(debugWriter{logger}, "", 0),
	}
}

// serve accepts until the server is closed.
func serve(server *http.Server, listener net.Listener, self kit.Address, opening int) {
	defer func() {
		if reason := recover(); reason != nil {
			self.Tell(served{opening: opening, err: fmt.Errorf("panic: %v", reason)})
		}
	}()
	self.Tell(served{opening: opening, err: server.Serve(listener)})
}

type debugWriter struct{ log *zerolog.Logger }

func (w debugWriter) Write(line []byte) (int, error) {
	w.log.Debug().Bytes("detail", line).Msg("HTTP client")
	return len(line), nil
}

// boundedListener accepts no more connections than there are slots.
type boundedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func bound(listener net.Listener) net.Listener {
	return &boundedListener{
		Listener: listener,
		slots:    make(chan struct{}, connections),
		closed:   make(chan struct{}),
	}
}

// Accept waits for a free slot, then for a client.
func (b *boundedListener) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
		return nil, err
	}
	return &slotConn{Conn: conn, free: func() { <-b.slots }}, nil
}

// Close ends the listener and an Accept that waits for a slot.
func (b *boundedListener) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// slotConn gives its slot back when it is closed, once.
type slotConn struct {
	net.Conn
	once sync.Once
	free func()
}

// Close closes the connection.
func (s *slotConn) Close() error {
	err := s.Conn.Close()
	s.once.Do(s.free)
	return err
}
