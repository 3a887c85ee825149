package kit

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
		target.watchers = append(target.watchers, c)
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
	for i, watcher := range target.watchers {
		if watcher == c {
			last := len(target.watchers) - 1
			target.watchers[i] = target.watchers[last]
			target.watchers[last] = nil
			target.watchers = target.watchers[:last]
			return
		}
	}
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
	watchers, end := c.watchers, c.end
	c.watchers = nil
	c.mu.Unlock()
	for _, watcher := range watchers {
		watcher.mailbox.PostSystemMessage(terminated{who: c})
	}
	if end != nil {
		close(end)
	}
}

// done returns the channel that announce closes.
func (c *cell) done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == nil {
		c.end = make(chan struct{})
		if c.ended {
			close(c.end)
		}
	}
	return c.end
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
