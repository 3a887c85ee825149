package fetch

import (
	"sync/atomic"
)

// Sessions bounds and counts the fetch sessions of all connections together. One per broker; any goroutine
// may use it.
type Sessions struct {
	limit      int64
	partitions atomic.Int64
	open       atomic.Int64
	last       atomic.Uint32
}

// DefaultSessionPartitions bounds the partitions that all sessions together remember, at about 250 bytes
// each. A fetch that finds no room is answered without a session: the client then names all of its
// partitions every time, which costs bandwidth and nothing else.
const DefaultSessionPartitions = 500_000

// NewSessions returns the bound for at most limit partitions; 0 stands for DefaultSessionPartitions. The
// seed is where session ids start; let it differ from start to start, so that an id from before a restart
// is not taken for a new session.
func NewSessions(limit int, seed uint32) *Sessions {
	if limit == 0 {
		limit = DefaultSessionPartitions
	}
	s := &Sessions{limit: int64(limit)}
	s.last.Store(seed)
	return s
}

// Open returns how many sessions there are.
func (s *Sessions) Open() int64 { return s.open.Load() }

// Partitions returns how many partitions all sessions together remember.
func (s *Sessions) Partitions() int64 { return s.partitions.Load() }

// reserve makes room for n partitions, or returns false.
func (s *Sessions) reserve(n int) bool {
	if s.partitions.Add(int64(n)) > s.limit {
		s.partitions.Add(int64(-n))
		return false
	}
	return true
}

func (s *Sessions) release(n int) { s.partitions.Add(int64(-n)) }
func (s *Sessions) opened()       { s.open.Add(1) }
func (s *Sessions) closed()       { s.open.Add(-1) }

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
