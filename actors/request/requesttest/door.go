package requesttest

import (
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
)

// Door stands before the actor of a replica and counts who knocks.
type Door struct {
	Waits, Unwaits atomic.Int64

	to kit.Address
}

// Receive implements kit.Actor.
func (d *Door) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started, kit.Stopping, kit.Stopped:
	case partition.Wait:
		d.to.Tell(m)
		d.Waits.Add(1)
	case partition.Unwait:
		d.to.Tell(m)
		d.Unwaits.Add(1)
	default:
		d.to.Tell(m)
	}
}
