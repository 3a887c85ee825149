package fetch

import (
	"github.com/chronik-go/chronik/protocol"
)

// Read asks the actor to answer a Fetch request. It is answered to the parent by one Done.
type Read struct {
	Slot    uint64 // comes back with the answer
	Request *protocol.Request
}

// Done is the answer to a Read. The frame belongs to whoever gets the message.
type Done struct {
	Slot  uint64
	Frame Frame
}

// Refuse gives back what the frame holds when the connection is gone.
func (d Done) Refuse(error) { d.Frame.Release() }

// Finish asks the actor to answer at once whatever waits and from then on everything that comes: the
// connection drains.
type Finish struct{}

// expired says that a waiting fetch has waited long enough.
type expired struct {
	work uint64
}
