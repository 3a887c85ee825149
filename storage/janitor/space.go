package janitor

import "sync/atomic"

// Space tells everybody whether there is room on the disk. The janitor writes it; anybody reads it, at any time.
type Space struct {
	low         atomic.Bool
	free, total atomic.Int64
}

// Low tells whether new data must be refused. It stays true until there is clearly more room than when it became true.
func (s *Space) Low() bool { return s.low.Load() }

// Free returns the free bytes as of the last look.
func (s *Space) Free() int64 { return s.free.Load() }

// Total returns the size of the file system in bytes.
func (s *Space) Total() int64 { return s.total.Load() }

// update notes a look at the disk and tells whether Low changed.
func (s *Space) update(free, total int64, limits Limits) (changed bool) {
	s.free.Store(free)
	s.total.Store(total)
	low := s.low.Load()
	switch {
	case free < limits.LowBytes:
		s.low.Store(true)
	case free >= limits.EnoughBytes:
		s.low.Store(false)
	}
	return low != s.low.Load()
}

// Limits say when there is too little room. Between the two nothing changes, so that a disk at the edge does not make
// producers stop and go.
type Limits struct {
	LowBytes    int64 // below it new data is refused; 0: never
	EnoughBytes int64 // from here on it is accepted again
}

// LimitsFor returns limits whose upper one is a quarter above the lower one.
func LimitsFor(low int64) Limits { return Limits{LowBytes: low, EnoughBytes: low + low/4} }
