package metadata

import (
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
)

// onSubscribe sends the image that this actor has published last. It may be older than the one in
// Current, whose change is still in the mailbox: the subscriber gets that change next, with its events.
func (a *Actor) onSubscribe(c *kit.Context, m Subscribe) {
	if !slices.ContainsFunc(a.subscribers, m.Who.Equal) {
		a.subscribers = append(a.subscribers, m.Who)
		c.Watch(m.Who)
	}
	m.Who.Tell(ImageChanged{Image: a.image, First: true, CaughtUp: a.caughtUp})
}

func (a *Actor) onTerminated(m kit.Terminated) {
	a.subscribers = slices.DeleteFunc(a.subscribers, m.Who.Equal)
}

// onApplied passes a change on. A machine that was rebuilt from a checkpoint goes through changes that
// have been published: those are left out, which the version tells, since every command raises it by one.
func (a *Actor) onApplied(c *kit.Context, m applied) {
	if m.image.Version() <= a.image.Version() {
		return
	}
	fresh := m.image.Version() - a.image.Version()
	a.image = m.image
	changed := ImageChanged{Image: m.image, CaughtUp: a.caughtUp}
	if fresh <= uint64(len(m.events)) {
		changed.Events = m.events[uint64(len(m.events))-fresh:]
	} else {
		changed.First = true // opened at a snapshot: what led here is not known
	}
	for _, subscriber := range a.subscribers {
		subscriber.Tell(changed)
	}
	a.arrive(c)
	a.flush(c) // changes that waited for the first broker
	a.proclaim()
	a.steer()
	a.maybeRemoved(c)
	a.join(c)
}
