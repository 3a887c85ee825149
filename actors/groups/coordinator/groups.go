package coordinator

import (
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
)

// listing is where a group publishes what a list of groups shows of it.
type listing = atomic.Pointer[consumers.Summary]

// longestName is how much of a group's id its actor bears in the name.
const longestName = 100

// spawn builds the actor of a group. Names count up, so that a group can come back while its predecessor is
// still leaving; ids are escaped, since a slash in a name would be a step down the tree.
func (a *Actor) spawn(c *kit.Context, group string, state consumers.State) *hosted {
	a.spawned++
	shown := url.PathEscape(group[:min(len(group), longestName)])
	one := &hosted{
		group: group, name: "consumers-" + shown + "." + strconv.FormatUint(a.spawned, 10), listing: &listing{},
	}
	one.address = c.Spawn(one.name, consumers.Spec(consumers.Options{
		Group: group, Settings: a.options.Settings, State: state, Listing: one.listing,
		Expressions: a.options.Expressions,
		Log:         *c.Log(), // the name is in the group's own lines: a logger that bears it takes half a KiB
	}))
	a.groups[group] = one
	a.names[one.name] = one
	a.options.Settings.Metrics.Came(one.listing)
	for producer, last := range state.Pending.Producers() {
		a.markers.opened(producer, group, last)
	}
	return one
}

// waitingHeal is a group to be read again once all proposals up to a token have been answered.
type waitingHeal struct {
	group string
	after uint64
}

// onChildFailed forgets the actor of a group and reads the group again after a pause.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	one := a.names[m.Who.Name()]
	if one == nil {
		return
	}
	a.drop(one)
	a.healing[one.group] = true
	wait, _ := a.repairs.Failed(c.Now()) // without a limit there is always a wait
	c.After(wait, heal{one.group})
}

// onHeal reads a group again as soon as its writes that were under way have come to an end. Those of this
// turn are among them: their order in the mailbox says that the group made them before it failed.
func (a *Actor) onHeal(c *kit.Context, m heal) {
	a.flush(c)
	a.waiting = append(a.waiting, waitingHeal{m.group, a.last})
	a.maybeHeal(c)
}

// maybeHeal begins to read the groups whose time has come, all at once.
func (a *Actor) maybeHeal(c *kit.Context) {
	if a.reading != nil || len(a.waiting) == 0 {
		return
	}
	oldest := a.last + 1
	for token := range a.inflight {
		oldest = min(oldest, token)
	}
	only := map[string]bool{}
	kept := a.waiting[:0]
	for _, one := range a.waiting {
		if one.after < oldest {
			only[one.group] = true
		} else {
			kept = append(kept, one)
		}
	}
	a.waiting = kept
	if len(only) > 0 {
		a.read(c, only)
	}
}
