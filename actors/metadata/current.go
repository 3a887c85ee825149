package metadata

import (
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/metadata/image"
)

// NoController is what Controller returns while nobody is known to lead the metadata log.
const NoController int32 = -1

// Current holds the newest image of this node. Any goroutine may read it. It outlives the actor and the
// machine, so that readers have an image while those are rebuilt.
type Current struct {
	image      atomic.Pointer[image.Image]
	controller atomic.Int32
	caughtUp   atomic.Bool // the image had everything that was committed before this process began
}

// NewCurrent returns a holder of the empty image.
func NewCurrent() *Current {
	c := &Current{}
	c.image.Store(image.New())
	c.controller.Store(NoController)
	return c
}

// Image returns the newest image. It never goes back.
func (c *Current) Image() *image.Image { return c.image.Load() }

// Controller returns the broker that leads the metadata log, or NoController.
func (c *Current) Controller() int32 { return c.controller.Load() }

// publish stores an image unless it is older than the one there: a machine that was rebuilt from a
// checkpoint goes through images that have been published before.
func (c *Current) publish(next *image.Image) {
	for {
		old := c.image.Load()
		if old.Version() >= next.Version() {
			return
		}
		if c.image.CompareAndSwap(old, next) {
			return
		}
	}
}
