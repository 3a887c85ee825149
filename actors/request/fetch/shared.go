package fetch

import (
	"sync/atomic"
)

// Sessions bounds and counts the fetch sessions of all connections together. One per broker; any goroutine
// may use it.
//
// A fetch that finds no room is answered without a session: the client then names all of its partitions
// every time, which costs bandwidth and nothing else.
type Sessions struct {
	limit      int64 // of sessions
	open       atomic.Int64
	partitions atomic.Int64
	last       atomic.Uint32
}

// DefaultSessions is how many sessions there may be at once (max.incremental.fetch.session.cache.slots).
const DefaultSessions = 1000

// maxSessionPartitions bounds the partitions that all sessions together remember, at about 250 bytes each.
const maxSessionPartitions = 500_000

// NewSessions returns the bound for at most limit sessions; 0 stands for DefaultSessions. The seed is where
// session ids start; let it differ from start to start, so that an id from before a restart is not taken for
// a new session.
func NewSessions(limit int, seed uint32) *Sessions {
	if limit == 0 {
		limit = DefaultSessions
	}
	s := &Sessions{limit: int64(limit)}
	s.last.Store(seed)
	return s
}

// Open returns how many sessions there are.
func (s *Sessions) Open() int64 { return s.open.Load() }

// Partitions returns how many partitions all sessions together remember.
func (s *Sessions) Partitions() int64 { return s.partitions.Load() }

// begin makes room for a session of n partitions, or returns false.
func (s *Sessions) begin(n int) bool {
	if s.open.Add(1) > s.limit {
		s.open.Add(-1)
		return false
	}
	if !s.reserve(n) {
		s.open.Add(-1)
		return false
	}
	return true
}

// end takes a session of n partitions back.
func (s *Sessions) end(n int) {
	s.release(n)
	s.open.Add(-1)
}

// reserve makes room for n partitions more, or returns false.
func (s *Sessions) reserve(n int) bool {
	if s.partitions.Add(int64(n)) > maxSessionPartitions {
		s.partitions.Add(int64(-n))
		return false
	}
	return true
}

func (s *Sessions) release(n int) { s.partitions.Add(int64(-n)) }

// newID returns a positive id that taken does not know. Ids come from one counter, so two connections never
// share one, and a client that brings an id to another connection finds no session under it.
func (s *Sessions) newID(taken func(int32) bool) int32 {
	for {
		id := int32(s.last.Add(1) & (1<<31 - 1))
		if id != noSession && !taken(id) {
			return id
		}
	}
}
