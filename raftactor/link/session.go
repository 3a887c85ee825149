package link

import (
	"context"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// controlQueue is how many bytes may wait on the control stream. All that belongs there is small.
const controlQueue = 16 << 20

// session is a connection whose hello was answered well, until it ends.
type session struct {
	attempt uint64
	hello   Hello           // of the peer
	done    <-chan struct{} // nil over a Transport
	cancel  context.CancelCauseFunc

	control, bulk *wire.Outbox

	now   func() time.Time
	born  time.Time
	watch *watch
}

// age returns how long there has been the session.
func (s *session) age() time.Duration { return s.now().Sub(s.born) }

// close ends the connection. It returns how many items were not sent.
func (s *session) close(err error) int {
	s.cancel(err)
	return s.control.Close() + s.bulk.Close()
}

// refusal is the error of an attempt where a node has refused the other.
type refusal struct{ error }

// reader reads what comes back on the control stream of a session.
type reader struct {
	session *session
	peer    *peer
	to      kit.Address // of the actor
}
