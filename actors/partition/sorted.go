package partition

import "sync/atomic"

// sorted keeps what a concurrent map holds, in order, until the map changes. Those who look at all of it do
// so every few seconds, in an order that does not differ from run to run; it changes rarely, and ten thousand
// entries take milliseconds to sort.
type sorted[T any] struct {
	changes atomic.Uint64
	kept    atomic.Pointer[ordered[T]]
}

// ordered is immutable.
type ordered[T any] struct {
	changes uint64 // when it was built
	all     []T
}

// changed comes after each change of the map.
func (s *sorted[T]) changed() { s.changes.Add(1) }

// get returns what is kept, or what build returns, which looks at the map. If the map changes meanwhile, the
// count of changes is another one by the next time, and what was built is not used again.
func (s *sorted[T]) get(build func() []T) []T {
	changes := s.changes.Load()
	if kept := s.kept.Load(); kept != nil && kept.changes == changes {
		return kept.all
	}
	fresh := &ordered[T]{changes: changes, all: build()}
	s.kept.Store(fresh)
	return fresh.all
}
