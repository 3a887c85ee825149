package chaos

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// target is a kind of actor and a type of message that it handles.
type target struct {
	path    []string // names of kinds from the root: broker, raft, group, applier
	message string
	passing bool // it comes often in topics that are made and removed all the time, and seldom anywhere else
}

// kind is what the table calls it.
func (t target) kind() string { return nameOf(t.path) }

// nameOf leaves the root out, except where there is nothing else.
func nameOf(path []string) string {
	if len(path) == 1 {
		return path[0]
	}
	return strings.Join(path[1:], "/")
}

// key tells targets apart.
func (t target) key() string { return t.kind() + " " + t.message }

// kinds collects what lives and what it handles, from the turns of all actors of all nodes.
type kinds struct {
	mu     sync.RWMutex
	all    map[string]*aKind
	cached map[string]*aKind // path of an actor → its kind; forgotten when it grows large
}

// aKind is a kind of actor.
type aKind struct {
	path      []string
	instances []bool // by part of the path: names carry an instance
	mu        sync.RWMutex
	messages  map[reflect.Type]*sight
}

// sight is what was seen of a type of message at a kind of actor.
type sight struct {
	target
	settled, fleeting mark     // in actors that stay, and in those of topics that are made and removed
	places            sync.Map // path of an actor that stays → *mark
}

// mark counts, and knows when it last did.
type mark struct{ count, last atomic.Int64 }

func (m *mark) note(now time.Time) {
	m.count.Add(1)
	m.last.Store(now.UnixNano())
}

// Of a message that comes often one need not wait for the next: it came so often, and lately.
const (
	often  = 20
	lately = 500 * time.Millisecond
)

func (m *mark) isOften(now time.Time) bool {
	return m.count.Load() >= often && now.Sub(time.Unix(0, m.last.Load())) < lately
}

// note counts a message at an actor.
func (s *sight) note(path string, now time.Time) {
	if isTemporary(path) {
		s.fleeting.note(now)
		return
	}
	s.settled.note(now)
	if !isNamed(path) {
		return
	}
	place, known := s.places.Load(path)
	if !known {
		place, _ = s.places.LoadOrStore(path, new(mark))
	}
	place.(*mark).note(now)
}

func isTemporary(path string) bool { return strings.Contains(path, "temporary") }

// isNamed tells whether an actor bears a name that its successors bear, too.
func isNamed(path string) bool { return isStanding(path) || strings.Contains(path, "/coordinator-") }

func newKinds() *kinds {
	return &kinds{all: map[string]*aKind{}, cached: map[string]*aKind{}}
}

// note runs in the turns of all actors, right before they handle a message.
func (k *kinds) note(path string, message any) {
	if !strings.HasPrefix(path, "broker") {
		return // a question of the test
	}
	kind, now := k.of(path), time.Now()
	if b, ok := message.(kit.Batch); ok {
		for _, one := range b.Messages {
			kind.note(path, one, now)
		}
		return
	}
	kind.note(path, message, now)
}

func (k *aKind) note(path string, message any, now time.Time) {
	of := reflect.TypeOf(message)
	k.mu.RLock()
	one := k.messages[of]
	k.mu.RUnlock()
	if one == nil {
		one = k.add(of)
	}
	one.note(path, now)
}

func (k *aKind) add(of reflect.Type) *sight {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.messages[of] == nil {
		k.messages[of] = &sight{target: target{path: k.path, message: of.String()}}
	}
	return k.messages[of]
}

// of returns the kind of an actor.
func (k *kinds) of(path string) *aKind {
	k.mu.RLock()
	kind := k.cached[path]
	k.mu.RUnlock()
	if kind != nil {
		return kind
	}
	parts := strings.Split(path, "/")
	instances := make([]bool, len(parts))
	for i, part := range parts {
		parts[i], _, instances[i] = strings.Cut(part, "-")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	name := strings.Join(parts, "/")
	if kind = k.all[name]; kind == nil {
		kind = &aKind{path: parts, messages: map[reflect.Type]*sight{}}
		k.all[name] = kind
	}
	kind.instances = instances
	if len(k.cached) > 10_000 {
		clear(k.cached)
	}
	k.cached[path] = kind
	return kind
}

// pattern returns what a fault needs to find an actor of the kind of a target.
func (k *kinds) pattern(t target) string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	parts := slices.Clone(t.path)
	for i, instance := range k.all[strings.Join(parts, "/")].instances {
		if instance {
			parts[i] += "-*"
		}
	}
	return strings.Join(parts, "/")
}

// names returns all kinds that were alive.
func (k *kinds) names() (names []string) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, kind := range k.all {
		names = append(names, nameOf(kind.path))
	}
	slices.Sort(names)
	return names
}

// each visits what was seen. The end of a life is no target: a panic in it is contained by kit, which has tests of
// that.
func (k *kinds) each(visit func(*sight)) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, kind := range k.all {
		kind.mu.RLock()
		for _, one := range kind.messages {
			switch one.message {
			case "kit.Stopping", "kit.Stopped", "chaos.poke":
			default:
				visit(one)
			}
		}
		kind.mu.RUnlock()
	}
}

// targets returns what was seen and comes often, or what does not, in an order of its own.
func (k *kinds) targets(wanted bool) (all []target) {
	now := time.Now()
	k.each(func(one *sight) {
		t, settled := one.target, one.settled.isOften(now)
		t.passing = !settled && one.fleeting.isOften(now)
		if (settled || t.passing) == wanted {
			all = append(all, t)
		}
	})
	slices.SortFunc(all, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.kind(), b.kind()), cmp.Compare(a.message, b.message))
	})
	return all
}

// counts returns how often each target was seen.
func (k *kinds) counts() map[string]int64 {
	counts := map[string]int64{}
	k.each(func(one *sight) { counts[one.key()] = one.settled.count.Load() + one.fleeting.count.Load() })
	return counts
}

// places returns the actors at which a target was seen lately, or ever.
func (k *kinds) places(t target, recent bool) (paths []string) {
	now := time.Now()
	k.each(func(one *sight) {
		if one.key() != t.key() {
			return
		}
		one.places.Range(func(path, seen any) bool {
			if !recent || now.Sub(time.Unix(0, seen.(*mark).last.Load())) < lately {
				paths = append(paths, path.(string))
			}
			return true
		})
	})
	slices.Sort(paths)
	return paths
}
