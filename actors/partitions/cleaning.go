package partitions

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// nameCleaner is the child that compacts logs; no replica bears such a name.
const nameCleaner = "cleaner"

// cleanerAfter is the wait before a cleaner that has failed is made anew. It never gives up: without it logs
// only grow.
const cleanerAfter = 10 * time.Second

// clean says that the wait is over.
type clean struct{}

// spawnCleaner starts compaction, if this node does any.
func (a *Actor) spawnCleaner(c *kit.Context) {
	if a.options.Cleaner != nil {
		c.Spawn(nameCleaner, a.cleaner)
	}
}
