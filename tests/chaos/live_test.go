package chaos

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/chronik-go/chronik/actors/kit"
)

// live is the tree of one life of a node, as the turns of its actors tell it: who has been started and has
// not stopped. Whoever waits for a change is woken by it.
type live struct {
	mu      sync.Mutex
	paths   map[string]struct{}
	ends    map[string]chan struct{} // of those whose end is waited for
	changed chan struct{}            // closed at the next change
}

func newLive() *live {
	return &live{
		paths: map[string]struct{}{}, ends: map[string]chan struct{}{}, changed: make(chan struct{}),
	}
}

// note runs in the turns of all actors, right before they handle a message.
func (l *live) note(path string, message any) {
	_, started := message.(kit.Started)
	_, stopped := message.(kit.Stopped)
	if !started && !stopped {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if started {
		l.paths[path] = struct{}{}
	} else {
		delete(l.paths, path)
		if end := l.ends[path]; end != nil {
			delete(l.ends, path)
			close(end)
		}
	}
	l.wake()
}

func (l *live) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// poke has those who wait look again.
func (l *live) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake()
}

// end returns a channel that is closed when the actor that bears a path now has stopped.
func (l *live) end(path string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[path] == nil {
		l.ends[path] = make(chan struct{})
	}
	return l.ends[path]
}

// next returns a channel that is closed at the next change. Whoever takes it before he looks misses none.
func (l *live) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *live) has(path string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, there := l.paths[path]
	return there
}

func (l *live) all() map[string]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.paths)
}

// missing returns one of the paths that is not there, "" if all are.
func (l *live) missing(want map[string]bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for path := range want {
		if _, there := l.paths[path]; !there {
			return path
		}
	}
	return ""
}

// standing returns those that are there at all times.
func (l *live) standing() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]bool{}
	for path := range l.paths {
		if isStanding(path) {
			all[path] = true
		}
	}
	return all
}

// await waits until a condition holds, which is looked at after each change of the tree.
func (l *live) await(ctx context.Context, holds func() bool) bool {
	for {
		changed := l.next()
		if holds() {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return holds()
		}
	}
}

// passing are the kinds that come and go with clients, leaderships and work.
var passing = map[string]bool{
	"conn": true, "write": true, "fetch": true, "call": true, "pull": true, "catchup": true, "consumers": true,
	"coordinator": true,
}

func isStanding(path string) bool {
	if strings.Contains(path, "temporary") {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if kind, _, _ := strings.Cut(part, "-"); passing[kind] {
			return false
		}
	}
	return true
}
