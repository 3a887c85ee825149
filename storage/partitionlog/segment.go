package partitionlog

import (
	"fmt"
	"path"
	"sync"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// files is what all segments of one log share.
type files struct {
	fs      vfs.FS
	dir     string
	handles *HandleCache
	// indexInterval is Config.IndexIntervalBytes for readers that rebuild an index.
	indexInterval atomic.Int64

	// broken is the first failed write or sync. After it nothing is written any more: what the files hold is
	// not known, and only going back to the last checkpoint makes it known again.
	broken atomic.Pointer[error]
	// named counts changes of names in the directory; namesSynced is the count up to which they are durable.
	named, namesSynced atomic.Uint64
	// parentSynced says that the directory's own name is durable.
	parentSynced atomic.Bool
	// naming is held while names are made durable.
	naming sync.Mutex
	// manifestWanted counts reasons to write the manifest; manifestWritten is the count it was written at.
	manifestWanted, manifestWritten atomic.Uint64
	// exchanges is how many exchanges of segments there have been on the directory, up to the last of this Log.
	// Guarded by HandleCache.owning.
	exchanges uint64
	// progress is how far compaction has come, as chronik-compaction says without an exchange; nil: nowhere.
	progress atomic.Pointer[progress]
	// purge is what compaction has taken that a replica which was away may lack (purge.go).
	purge purge
	// noting is held while chronik-compaction is written, noted is what it says.
	noting sync.Mutex
	noted  *progress // nil: nothing
	// exchanged says that chronik-compaction names an exchange of segments that is over. Guarded by the lock
	// of flushes.
	exchanged bool
	// snapshot is the producer snapshot that is on disk and durable, nil if there is none.
	snapshot atomic.Pointer[snapshotRef]

	mu        sync.Mutex
	snapshots []protocol.Offset // of the .snapshot files that exist, ascending
}

// snapshotRef names a producer snapshot and says which version of the table it holds.
type snapshotRef struct {
	offset  protocol.Offset
	version uint64
}

func (f *files) path(name string) string { return path.Join(f.dir, name) }

// fail notes the first failure and returns it.
func (f *files) fail(err error) error {
	f.broken.CompareAndSwap(nil, &err)
	return *f.broken.Load()
}

// failure returns the first failure, nil if there was none.
func (f *files) failure() error {
	if err := f.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Segment is one segment of a log: a .log file with its indexes. All views share it; its methods may be
// called from any goroutine.
type Segment struct {
	base  protocol.Offset
	files *files
	// readOnly says that an earlier process closed it.
	readOnly bool

	handle  atomic.Pointer[handle]
	opening sync.Mutex // one goroutine at a time opens the file
	gone    atomic.Bool
	// replaced says that the segment is gone because a compacted one has taken its place.
	replaced atomic.Bool

	info    atomic.Pointer[sealedInfo] // nil while it is the active segment
	index   atomic.Pointer[loadedIndex]
	loading sync.Mutex // one goroutine at a time loads the index
	checked verifier

	syncing    sync.Mutex
	syncFailed error // the first failed sync; guarded by syncing

	// What is known to be durable, in bytes. Only flushes write it.
	logDurable, offsetsDurable, timesDurable, abortedDurable atomic.Int64
	// rewriteIndex says that the index files on disk are not a prefix of the index in memory.
	rewriteIndex atomic.Bool
}

// sealedInfo describes a closed segment. With known false only the size is right: the manifest did not have
// the rest, and who needs it scans the segment.
type sealedInfo struct {
	size         SegmentPosition
	maxTimestamp int64           // -1: no record has one
	maxOffset    protocol.Offset // last offset of the first batch that has it
	mark         indexMark
	known        bool
}

// loadedIndex is the index of a segment that is not (or no longer) in the hands of the owner.
type loadedIndex struct {
	indexes
	wanted indexMark // what was asked for when it was loaded
	// sinceEntry is indexBuilder.sinceEntry if the index was rebuilt by a scan, else -1.
	sinceEntry int
	slot       slot
}

// loadedIndexOverhead is roughly what a loaded index costs beyond its entries.
const loadedIndexOverhead = 128

func newSegment(f *files, base protocol.Offset) *Segment { return &Segment{base: base, files: f} }

// Name returns the path of the .log file.
func (s *Segment) Name() string { return s.name(suffixLog) }

func (s *Segment) name(suffix string) string { return s.files.path(fileName(s.base, suffix)) }

// acquire returns the open file with one reference for the caller. A segment that retention has removed
// answers ErrOffsetOutOfRange.
func (s *Segment) acquire() (*handle, error) {
	if h := s.handle.Load(); h != nil && h.retain() {
		h.slot.touch()
		return h, nil
	}
	return s.open(false)
}

// acquireForAppend is acquire for the owner: it creates the file if it does not exist.
func (s *Segment) acquireForAppend() (*handle, error) {
	if h := s.handle.Load(); h != nil && h.retain() {
		h.slot.touch()
		return h, nil
	}
	return s.open(true)
}

// open opens the file and hands it to the cache.
func (s *Segment) open(create bool) (*handle, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if h := s.handle.Load(); h != nil && h.retain() {
		return h, nil
	}
	if s.gone.Load() {
		return nil, s.lost()
	}
	if s.files.outdated() {
		return nil, errReplaced
	}
	file, err := s.openFile(create)
	if err != nil {
		return nil, err
	}
	h := &handle{file: file}
	h.refs.Store(2) // the cache and the caller
	h.slot = slot{cost: 1, place: -1, drop: func() {
		s.handle.CompareAndSwap(h, nil)
		h.release()
	}}
	s.handle.Store(h)
	s.files.handles.files.add(&h.slot)
	return h, nil
}

// lost returns why the files of the segment are gone.
func (s *Segment) lost() error {
	if s.replaced.Load() {
		return errReplaced
	}
	return ErrOffsetOutOfRange
}

// lostForGood is lost for those who have not locked opening. It waits for an exchange that is under way: who
// hears that the segment was replaced finds a view with the other one.
func (s *Segment) lostForGood() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	return s.lost()
}

func (s *Segment) openFile(create bool) (vfs.File, error) {
	if s.readOnly {
		return s.files.fs.Open(s.Name())
	}
	file, err := s.files.fs.OpenReadWrite(s.Name())
	if err == nil || !create || !vfs.IsNotExist(err) {
		return file, err
	}
	file, err = s.files.fs.Create(s.Name())
	if err == nil {
		s.files.named.Add(1)
	}
	return file, err
}

// cutTo cuts off what lies beyond the end of a segment that is about to be closed: batches that were placed
// there and taken back, or the rest of a write that failed. Nobody was ever shown it. It is durable at once:
// should the manifest be lost, the size of the file is believed.
func (s *Segment) cutTo(end SegmentPosition) error {
	h, err := s.acquireForAppend()
	if err != nil {
		return err
	}
	defer h.release()
	if size, err := h.file.Size(); err != nil || size <= end {
		return err
	}
	if err := h.file.Truncate(end); err != nil {
		return err
	}
	return s.sync(h)
}

// sync makes what was written to the log file durable. Flushes and the Placer both call it, and the kernel
// tells of bytes that it could not write only once: to whoever asked first. The other one asks while the
// first is still about to say so, or later, and must not take what he hears then for success.
func (s *Segment) sync(h *handle) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	if s.syncFailed != nil {
		return s.syncFailed
	}
	if err := h.file.Sync(); err != nil {
		s.syncFailed = fmt.Errorf("sync %s: %w", s.Name(), err)
	}
	return s.syncFailed
}

// closeFile lets go of the file; it closes when the last reader is done with it.
func (s *Segment) closeFile() {
	h := s.handle.Load()
	if h != nil && s.files.handles.files.remove(&h.slot) {
		h.slot.drop()
	}
}

// dropIndex frees the loaded index, if it is one that can be loaded again.
func (s *Segment) dropIndex() { s.forget(s.index.Load()) }

// forget takes an index out of the cache, which may have done so before.
func (s *Segment) forget(x *loadedIndex) {
	if x != nil && s.files.handles.indexes.remove(&x.slot) {
		x.slot.drop()
	}
}

// keepIndex publishes a loaded index that the cache may drop. It gives way to a pinned one: the owner closed
// the segment while a reader of an older view was loading.
func (s *Segment) keepIndex(x *loadedIndex) {
	x.slot = slot{
		cost: int64(len(x.offsets) + len(x.times) + len(x.aborted) + loadedIndexOverhead), place: -1,
		drop: func() { s.index.CompareAndSwap(x, nil) },
	}
	for {
		old := s.index.Load()
		if old != nil && old.pinned() {
			return
		}
		if s.index.CompareAndSwap(old, x) {
			s.forget(old)
			s.files.handles.indexes.add(&x.slot)
			return
		}
	}
}

// pinned tells whether the index has to stay in memory because the files do not have it yet.
func (x *loadedIndex) pinned() bool { return x.slot.drop == nil }

// setIndexDurable notes how much of the index files is durable.
func (s *Segment) setIndexDurable(m indexMark) {
	offsets, times, aborted := m.bytes()
	s.offsetsDurable.Store(int64(offsets))
	s.timesDurable.Store(int64(times))
	s.abortedDurable.Store(int64(aborted))
}

// indexDurable tells whether so much of the index files is durable.
func (s *Segment) indexDurable(m indexMark) bool {
	offsets, times, aborted := m.bytes()
	return s.offsetsDurable.Load() >= int64(offsets) && s.timesDurable.Load() >= int64(times) &&
		s.abortedDurable.Load() >= int64(aborted)
}

// pinIndex publishes an index that the files do not have yet.
func (s *Segment) pinIndex(x indexes, mark indexMark) {
	fresh := &loadedIndex{indexes: x, wanted: mark, sinceEntry: -1}
	fresh.slot.place = -1
	s.forget(s.index.Swap(fresh))
}

// unpinIndex gives a pinned index to the cache once the files have it.
func (s *Segment) unpinIndex() {
	x := s.index.Load()
	if x == nil || !x.pinned() {
		return
	}
	if s.index.CompareAndSwap(x, nil) {
		s.keepIndex(&loadedIndex{indexes: x.indexes, wanted: x.wanted, sinceEntry: -1})
	}
}

// remove removes the files of the segment. Readers that have the log open keep it; others are told that the
// offset is gone.
func (s *Segment) remove() error {
	s.opening.Lock()
	s.gone.Store(true)
	s.opening.Unlock()
	s.closeFile()
	s.dropIndex()
	s.index.Store(nil)
	return removeSegmentFiles(s.files, s.base)
}

// removeSegmentFiles removes the files of the segment that starts at base, as far as they exist.
func removeSegmentFiles(f *files, base protocol.Offset) error {
	for _, suffix := range segmentSuffixes {
		err := f.fs.Remove(f.path(fileName(base, suffix)))
		if err != nil && !vfs.IsNotExist(err) {
			return err
		}
		if err == nil {
			f.named.Add(1)
		}
	}
	return nil
}
