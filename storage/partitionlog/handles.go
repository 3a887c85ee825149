package partitionlog

import (
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/chronik-go/chronik/storage/vfs"
)

// HandleCache bounds the descriptors and the index memory of all logs of a node. Files are opened when they
// are needed and closed, longest unused first, when there are too many; so are the indexes of closed
// segments loaded and dropped. What is in use is never taken away: a closed-out file that is still being
// sent closes with its last user, and for that long the limits are exceeded.
type HandleCache struct {
	files   pool
	indexes pool
	// flushing keeps flushes of one directory apart, also those of two Logs that a process had there one
	// after the other. Directories share the locks by the hash of their names.
	flushing [64]sync.Mutex
	// owning guards tenures, by directory. A Log that has failed may still be in the hands of a compaction, or
	// of readers, when the next is opened.
	owning  sync.Mutex
	tenures map[string]*tenure
}

// Defaults of NewHandleCache.
const (
	DefaultOpenFiles  = 1024
	DefaultIndexBytes = 64 << 20
)

// NewHandleCache returns a cache that keeps at most openFiles files open and indexBytes bytes of indexes
// loaded; zero takes the default.
func NewHandleCache(openFiles int, indexBytes int64) *HandleCache {
	if openFiles <= 0 {
		openFiles = DefaultOpenFiles
	}
	if indexBytes <= 0 {
		indexBytes = DefaultIndexBytes
	}
	return &HandleCache{files: pool{limit: int64(openFiles)}, indexes: pool{limit: indexBytes}}
}

// OpenFiles returns how many files are open for reading or appending, apart from those that are being
// closed.
func (c *HandleCache) OpenFiles() int { return int(c.files.total()) }

// IndexBytes returns how many bytes of indexes are loaded.
func (c *HandleCache) IndexBytes() int64 { return c.indexes.total() }

// flushing returns the lock that a flush of the directory holds.
func (f *files) flushing() *sync.Mutex {
	locks := &f.handles.flushing
	return &locks[crc32.ChecksumIEEE([]byte(f.dir))%uint32(len(locks))]
}

// tenure of a directory: the Log that was opened on it last, nil once that is closed, and how many times
// segments were exchanged there.
type tenure struct {
	owner     *files
	exchanges uint64
}

// own makes f the owner of its directory.
func (f *files) own() {
	c := f.handles
	c.owning.Lock()
	defer c.owning.Unlock()
	if c.tenures == nil {
		c.tenures = map[string]*tenure{}
	}
	if c.tenures[f.dir] == nil {
		c.tenures[f.dir] = &tenure{}
	}
	c.tenures[f.dir].owner = f
	f.exchanges = c.tenures[f.dir].exchanges
}

// disown ends that; the directory is gone if it was deleted.
func (f *files) disown(deleted bool) {
	c := f.handles
	c.owning.Lock()
	defer c.owning.Unlock()
	t := c.tenures[f.dir]
	if t == nil || t.owner != f {
		return
	}
	t.owner = nil
	if deleted {
		delete(c.tenures, f.dir)
	}
}

// whileOwner runs something short that no other Log may have come in between; ErrClosed if one has.
func (f *files) whileOwner(do func() error) error {
	c := f.handles
	c.owning.Lock()
	defer c.owning.Unlock()
	if t := c.tenures[f.dir]; t == nil || t.owner != f {
		return ErrClosed
	}
	return do()
}

// owner tells whether f is the owner of its directory.
func (f *files) owner() bool { return f.whileOwner(func() error { return nil }) == nil }

// noteExchange is called, while owner, before files of segments are replaced.
func (f *files) noteExchange() {
	t := f.handles.tenures[f.dir]
	t.exchanges++
	f.exchanges = t.exchanges
}

// outdated tells whether a later Log on the directory has exchanged segments, so that files may no longer be
// what f knows of them.
func (f *files) outdated() bool {
	c := f.handles
	c.owning.Lock()
	defer c.owning.Unlock()
	t := c.tenures[f.dir]
	return t != nil && t.exchanges != f.exchanges
}

// slot is the place of one resource in a pool.
type slot struct {
	cost   int64
	place  int         // in pool.slots, guarded by the pool; -1 while it is not in there
	recent atomic.Bool // used since the hand passed
	drop   func()      // gives up the pool's claim; called once, without the pool's lock
}

// touch notes a use. It reads before it writes, so that hot slots do not bounce between processors.
func (s *slot) touch() {
	if !s.recent.Load() {
		s.recent.Store(true)
	}
}

// pool is a bounded set of resources with second-chance (CLOCK) replacement.
type pool struct {
	mu    sync.Mutex
	limit int64
	used  int64
	slots []*slot
	hand  int
}

func (p *pool) total() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}

// add takes a resource in and drops others until the limit holds again. The newcomer stays, even alone
// above the limit: somebody is about to use it.
func (p *pool) add(s *slot) {
	p.mu.Lock()
	s.recent.Store(true)
	s.place = len(p.slots)
	p.slots = append(p.slots, s)
	p.used += s.cost
	var victims []*slot
	for p.used > p.limit && len(p.slots) > 1 {
		victim := p.next(s)
		p.take(victim)
		victims = append(victims, victim)
	}
	p.mu.Unlock()
	for _, victim := range victims {
		victim.drop()
	}
}

// next turns the hand to a slot that was not used since the last turn, other than keep. It ends within two
// turns because the first one takes all marks away.
func (p *pool) next(keep *slot) *slot {
	for {
		if p.hand >= len(p.slots) {
			p.hand = 0
		}
		s := p.slots[p.hand]
		if s != keep && !s.recent.Swap(false) {
			return s
		}
		p.hand++
	}
}

// take removes a slot. The caller holds the lock.
func (p *pool) take(s *slot) {
	last := len(p.slots) - 1
	p.slots[s.place] = p.slots[last]
	p.slots[s.place].place = s.place
	p.slots[last] = nil
	p.slots = p.slots[:last]
	s.place = -1
	p.used -= s.cost
}

// remove takes a slot out and tells whether it was in. If so, the caller gives up the pool's claim itself.
func (p *pool) remove(s *slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.place < 0 {
		return false
	}
	p.take(s)
	return true
}

// handle is an open file. It closes when the cache and all users have let go of it.
type handle struct {
	file vfs.File
	refs atomic.Int32
	slot slot
}

// retain adds a user, unless the file is closed or about to be.
func (h *handle) retain() bool {
	for {
		n := h.refs.Load()
		if n <= 0 {
			return false
		}
		if h.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (h *handle) release() {
	switch n := h.refs.Add(-1); {
	case n == 0:
		_ = h.file.Close() // what was written is synced by its own call; closing can lose nothing
	case n < 0:
		panic("BUG: got a release of a file without a retain, want one release for each")
	}
}
