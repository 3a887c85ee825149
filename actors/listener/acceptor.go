package listener

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
)

// Pauses after a failed accept. The usual cause is that the process has no file descriptor left: trying
// again at once would spin until somebody closes one.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// acceptor is the goroutine that accepts. It counts connections before it tells the actor of them, so that
// a flood is turned away here and does not fill a mailbox.
type acceptor struct {
	listener net.Listener
	to       kit.Address
	open     *atomic.Int64
	limit    int64
	stop     chan struct{}
	metrics  *conn.Metrics
}

// run accepts until the listener is closed.
func (a *acceptor) run() {
	defer func() {
		if reason := recover(); reason != nil {
			a.to.Tell(acceptEnded{err: fmt.Errorf("accept loop failed: %v", reason)})
		}
	}()
	a.to.Tell(acceptEnded{err: a.accept()})
}

func (a *acceptor) accept() error {
	pause := minPause
	for {
		socket, err := a.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			a.to.Tell(acceptFailed{err: err})
			if !a.wait(pause) {
				return nil
			}
			pause = min(2*pause, maxPause)
			continue
		}
		pause = minPause
		a.take(socket)
	}
}

// take hands a socket to the actor, or closes it when there are too many.
func (a *acceptor) take(socket net.Conn) {
	if a.open.Add(1) > a.limit {
		a.open.Add(-1)
		a.metrics.Refused(conn.RefusedTotal)
		_ = socket.Close() // the client is not told why in any case
		return
	}
	a.to.Tell(accepted{socket: socket})
}

// wait pauses, and returns false if the listener stops meanwhile.
func (a *acceptor) wait(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.stop:
		return false
	}
}
