package partitions

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// nameCleaner is the child that compacts logs; no replica bears such a name.
const nameCleaner = "cleaner"

// cleanerRepairs paces the repair of the cleaner. It never gives up: without it logs only grow. One that
// fails again and again does so at the same log, so the waits soon are as long as compaction can bear.
var cleanerRepairs = kit.Restarts{
	Limit: kit.NoLimit, Within: time.Minute, Min: 50 * time.Millisecond, Max: 10 * time.Second,
}

// clean says that the wait is over.
type clean struct{}

// spawnCleaner starts compaction, if this node does any.
func (a *Actor) spawnCleaner(c *kit.Context) {
	if a.options.Cleaner != nil {
		c.Spawn(nameCleaner, a.cleaner)
	}
}
