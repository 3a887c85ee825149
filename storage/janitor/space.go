package janitor

import (
	"sync/atomic"

	"github.com/chronik-go/chronik/storage/vfs"
)

// Space tells everybody whether there is room on the disk of a data directory. The janitor looks; anybody
// reads, at any time.
type Space struct {
	fsys        vfs.FS
	dir         string
	low         atomic.Bool
	free, total atomic.Int64
}

// NewSpace returns the space of a directory. It counts as having room until the janitor has looked.
func NewSpace(fsys vfs.FS, dir string) *Space { return &Space{fsys: fsys, dir: dir} }

// Low tells whether new data must be refused. It stays true until there is clearly more room than when it
// became true.
func (s *Space) Low() bool { return s.low.Load() }

// Free returns the free bytes as of the last look.
func (s *Space) Free() int64 { return s.free.Load() }

// Total returns the size of the file system in bytes as of the last look.
func (s *Space) Total() int64 { return s.total.Load() }

// Describe returns the path of the data directory and its room now. It asks the file system.
func (s *Space) Describe() (path string, space vfs.Space, err error) {
	space, err = s.fsys.Free(s.dir)
	return s.dir, space, err
}

// look asks the file system and tells whether Low changed.
func (s *Space) look(limits Limits) (changed bool, err error) {
	room, err := s.fsys.Free(s.dir)
	if err != nil {
		return false, err
	}
	s.free.Store(room.Free)
	s.total.Store(room.Total)
	low := s.low.Load()
	switch {
	case room.Free < limits.LowBytes:
		s.low.Store(true)
	case room.Free >= limits.EnoughBytes:
		s.low.Store(false)
	}
	return low != s.low.Load(), nil
}

// Limits say when there is too little room. Between the two nothing changes, so that a disk at the edge
// does not make producers stop and go.
type Limits struct {
	LowBytes    int64 // below it new data is refused; 0: never
	EnoughBytes int64 // from here on it is accepted again
}

// LimitsFor returns limits whose upper one is a quarter above the lower one.
func LimitsFor(low int64) Limits { return Limits{LowBytes: low, EnoughBytes: low + low/4} }
