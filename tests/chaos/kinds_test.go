package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chronik-go/chronik/actors/kit"
)

// target is a kind of actor and a type of message that it handles.
type target struct {
	path    []string // names of kinds from the root: broker, raft, group, applier
	message string
}

// kind is what the table calls it.
func (t target) kind() string { return strings.Join(t.path[1:], "/") }

// key tells targets apart.
func (t target) key() string { return t.kind() + " " + t.message }

// pattern returns what a fault needs to find an actor of the kind of a target.
func (k *kinds) pattern(t target) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	parts := slices.Clone(t.path)
	for i, part := range parts {
		if k.instances[part] {
			parts[i] = part + "-*"
		}
	}
	return strings.Join(parts, "/")
}

// kinds collects what lives and what it handles, from the turns of all actors.
type kinds struct {
	mu     sync.Mutex
	seen   map[string]target
	cached map[string]string // path of an actor → that of its kind; forgotten when it grows large
	// instances are the kinds whose names carry an instance, as they were seen.
	instances map[string]bool
}

func newKinds() *kinds {
	return &kinds{seen: map[string]target{}, cached: map[string]string{}, instances: map[string]bool{}}
}

func (k *kinds) note(who kit.Address, message any) {
	if !strings.HasPrefix(who.ID(), "broker") {
		return // a question of the test
	}
	if b, ok := message.(kit.Batch); ok {
		for _, one := range b.Messages {
			k.add(who.ID(), fmt.Sprintf("%T", one))
		}
		return
	}
	k.add(who.ID(), fmt.Sprintf("%T", message))
}

func (k *kinds) add(path, message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kind, known := k.cached[path]
	if !known {
		kind = k.kindOf(path)
		if len(k.cached) > 10_000 {
			clear(k.cached)
		}
		k.cached[path] = kind
	}
	key := kind + " " + message
	if _, known := k.seen[key]; !known {
		k.seen[key] = target{path: strings.Split(kind, "/"), message: message}
	}
}

func (k *kinds) kindOf(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		kind, _, more := strings.Cut(part, "-")
		if more {
			k.instances[kind] = true
		}
		parts[i] = kind
	}
	return strings.Join(parts, "/")
}

// targets returns what was seen, in an order of its own. The end of a life is no target: a panic in it is
// contained by kit, which has tests of that.
func (k *kinds) targets() []target {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []target
	for _, one := range k.seen {
		switch one.message {
		case "kit.Stopping", "kit.Stopped":
		default:
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.kind(), b.kind()), cmp.Compare(a.message, b.message))
	})
	return all
}

// passing are the kinds that come and go with clients, leaderships and work.
var passing = map[string]bool{
	"conn": true, "write": true, "fetch": true, "call": true, "pull": true, "catchup": true, "consumers": true,
	"coordinator": true,
}

// standing returns the paths of the actors that are there at all times.
func standing(nodes []kit.Node, above string, into map[string]bool) map[string]bool {
	for _, n := range nodes {
		path := above + n.Name
		if passing[n.Kind] || strings.Contains(path, "temporary") {
			continue
		}
		into[path] = true
		standing(n.Children, path+"/", into)
	}
	return into
}
