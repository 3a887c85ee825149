package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// onChildFailed stops what cannot go on without the failed child; onTerminated builds them again.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	switch m.Who.Name() {
	case nameStorage:
		a.onFatal(c, fmt.Errorf("storage failed: %v", m.Reason))
	case nameRaft: // the groups are gone, and their owners have to start them again
		a.hostless = true
		c.Stop(c.Self().Child(namePartitions))
		c.Stop(c.Self().Child(nameMetadata))
	}
}

// onTerminated builds a child again that nobody wanted to stop, and takes the next step of a stop.
func (a *Actor) onTerminated(c *kit.Context, m kit.Terminated) {
	name := m.Who.Name()
	if name == nameRaft {
		a.hostless = false // whether one is there is seen again
	}
	switch a.phase {
	case stopping, failed:
		a.maybeStopped(c)
		return
	}
	if name == nameStorage {
		a.onFatal(c, fmt.Errorf("storage stopped"))
		return
	}
	restarts := a.restarts[name]
	if restarts == nil {
		restarts = &kit.Restarts{Limit: 10, Within: time.Minute, Min: 10 * time.Millisecond, Max: 5 * time.Second}
		a.restarts[name] = restarts
	}
	wait, ok := restarts.Failed(c.Now())
	if !ok {
		a.onFatal(c, fmt.Errorf("%s keeps failing", name))
		return
	}
	c.After(wait, rebuild{name})
}

// onRebuild builds a child again. One that works on groups waits until their host is back: the one that has
// failed may take longer to end than they did, and would refuse to start anything.
func (a *Actor) onRebuild(c *kit.Context, m rebuild) {
	if a.phase != joining && a.phase != serving {
		return
	}
	if (m.name == nameMetadata || m.name == namePartitions) && (a.hostless || !a.alive(c, nameRaft)) {
		c.After(rebuildAgain, m)
		return
	}
	a.spawn(c, m.name)
	a.subscribe(c, m.name)
}

// rebuildAgain is the wait for a host that is being rebuilt itself.
const rebuildAgain = 10 * time.Millisecond

func (a *Actor) alive(c *kit.Context, name string) bool {
	want := c.Self().Child(name)
	return slices.ContainsFunc(c.Children(), func(child kit.Address) bool { return child.Equal(want) })
}
