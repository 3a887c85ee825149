package kit

import "slices"

// Watching is kit's own. Protoactor answers a Watch of an actor that is still stopping at once, although its
// files may be open yet, and addresses both the Watch and the Terminated by name, so that either may reach
// a later incarnation.

// terminated travels from an actor that is gone to one that watches it, as an urgent message.
type terminated struct {
	who     *cell
	missing Address // instead of who: a name that nobody bore
}

// watch registers the actor with the target. Steps of the race with the target's end: either the target's
// announce sees the watcher in the list, or watch sees that it has ended; the lock allows no third order.
func (c *cell) watch(target *cell) {
	if target == c || target.parent == c || c.isWatching(target) {
		return
	}
	if c.watching == nil {
		c.watching = make(map[*cell]struct{})
	}
	c.watching[target] = struct{}{}
	target.mu.Lock()
	ended := target.ended
	if !ended {
		waiting := target.waiting()
		waiting.watchers = append(waiting.watchers, c)
	}
	target.mu.Unlock()
	if ended {
		c.mailbox.PostSystemMessage(terminated{who: target})
	}
}

func (c *cell) isWatching(target *cell) bool {
	_, yes := c.watching[target]
	return yes
}

func (c *cell) unwatch(target *cell) {
	if !c.isWatching(target) {
		return
	}
	delete(c.watching, target)
	target.mu.Lock()
	defer target.mu.Unlock()
	waiting := target.waiting()
	if i := slices.Index(waiting.watchers, c); i >= 0 {
		waiting.watchers = slices.Delete(waiting.watchers, i, i+1)
	}
}

// waiting returns who waits for the end of the actor, under its lock.
func (c *cell) waiting() *awaited {
	if c.awaited == nil {
		c.awaited = new(awaited)
	}
	return c.awaited
}

func (c *cell) unwatchAll() {
	for target := range c.watching {
		c.unwatch(target)
	}
	c.watching = nil
}

// announce tells everybody who waits for the end of the actor.
func (c *cell) announce() {
	c.mu.Lock()
	c.ended = true
	waiting := c.awaited
	c.awaited = nil
	c.mu.Unlock()
	if waiting == nil {
		return
	}
	for _, watcher := range waiting.watchers {
		watcher.mailbox.PostSystemMessage(terminated{who: c})
	}
	if waiting.end != nil {
		close(waiting.end)
	}
}

// done returns the channel that announce closes.
func (c *cell) done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.waiting()
	if waiting.end == nil {
		waiting.end = make(chan struct{})
		if c.ended {
			close(waiting.end)
		}
	}
	return waiting.end
}

func (c *cell) onWatchedTerminated(m terminated) {
	switch {
	case m.who == nil:
		c.handle(Terminated{Who: m.missing})
	case c.isWatching(m.who): // not taken back while this was under way
		delete(c.watching, m.who)
		c.handle(Terminated{Who: Address{m.who}})
	}
}
