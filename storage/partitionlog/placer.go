package partitionlog

import (
	"fmt"
	"math"
	"path"
	"slices"
	"sort"
	"sync"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// Placer writes large batches to their segment before they are committed, right where they will stand once
// they are. So they are written once: the write-ahead log only refers to them, and when the owner of the log
// comes to append such a batch it finds it in place. See the package comment for what follows from that.
//
// It is told of every batch that enters the write-ahead log, in order (Follow), so it knows what will be
// appended between the end of the log and the batch at hand:
//
//	segment   | appended ............ | pending, in the log itself | pending, placed | next
//	          0                       size                                           size + bytes
//
// That adds up only if none of the pending batches begins a segment. So nothing is placed behind one that
// might (blocked), and once a batch is placed nothing before it may (held). A segment is only ever begun by
// the owner, with a batch that is committed, so no file comes from a batch that may still be taken back.
//
// What a placed batch covers is not written again while the write-ahead log refers to it. When another leader
// replaces pending batches, those that come in their stead in the same round go into the log itself: until
// that round is durable, a crash finds the old ones. Later rounds write over them.
//
// One goroutine calls Follow, Sync and Forget, the owner of the log everything else.
type Placer struct {
	mu       sync.Mutex
	files    *files   // nil: no log is open
	segment  *Segment // the active one
	place    layout
	pending  []pendingBatch  // ascending; those below place.end are gone
	bytes    int64           // of pending
	held     protocol.Offset // no batch before it begins a segment; lowered only when that is durable
	dropped  uint64          // index from which on held may be of batches that were replaced; 0: it is not
	blocked  protocol.Offset // nothing is placed before the log has come so far
	other    bool            // something that is no batch was seen last: the next batch blocks
	inline   uint64          // the round in which nothing is placed
	suspense int             // nothing is placed while it is not 0

	found *found // nil: when the log was loaded it referred to nothing

	// What Sync has to sync: one file, as no segment ends while something is placed in it that is not
	// durable. Of the goroutine that calls Follow, without mu.
	dirty        *handle
	dirtySegment *Segment
}

// found is what the log referred to when it was loaded.
type found struct {
	begins []protocol.Offset // the segments in which it lies: they begin where they did before
	// places is up to where it goes in each.
	places map[protocol.Offset]SegmentPosition
}

// layout is where the log stands, as its owner knows, and when the active segment ends.
type layout struct {
	end       protocol.Offset
	base      protocol.Offset
	size      SegmentPosition
	limit     SegmentPosition // of the segment
	youngest  int64           // timestamp from which on a batch begins a segment
	indexRoom int             // batches that the indexes have room for
}

// pendingBatch is a batch in the write-ahead log that the owner has not appended yet.
type pendingBatch struct {
	index      uint64 // of its entry
	base, next protocol.Offset
	size       int
	epoch      protocol.LeaderEpoch
	crc        uint32
	segment    protocol.Offset // base of the segment that it was placed in, noOffset if it was not
	position   SegmentPosition
}

// NewPlacer returns the Placer of a log that is about to be opened, with the entries that the write-ahead log
// holds beyond its checkpoint. Nothing is placed before they are applied.
func NewPlacer(loaded []wal.Entry) *Placer {
	p := &Placer{}
	for i := range loaded {
		one, ok := p.pendingOf(&loaded[i])
		if !ok {
			continue
		}
		p.blocked, p.other = one.next, false
		if at := loaded[i].At; at != nil && one.locate(at) {
			p.load(one)
		}
	}
	return p
}

// load takes note of a batch that the log referred to when it was loaded. Those that the log held itself need
// no note: nothing is placed before all of them are appended.
func (p *Placer) load(one pendingBatch) {
	p.pending = append(p.pending, one)
	p.bytes += int64(one.size)
	if p.found == nil {
		p.found = &found{places: map[protocol.Offset]SegmentPosition{}}
	}
	f := p.found
	if n := len(f.begins); n == 0 || f.begins[n-1] != one.segment {
		f.begins = append(f.begins, one.segment)
	}
	f.places[one.segment] = max(f.places[one.segment], one.end())
}

// locate notes where a batch lies, and tells whether that is a segment.
func (b *pendingBatch) locate(at *wal.Location) bool {
	base, suffix, ok := parseName(path.Base(at.File))
	if !ok || suffix != suffixLog {
		return false
	}
	b.segment, b.position = base, at.Position
	return true
}

func (b *pendingBatch) end() SegmentPosition { return b.position + SegmentPosition(b.size) }

// pendingOf returns what there is to know of an entry that is a batch. Anything else but Raft's own entries
// may change what the log does next, so it is noted.
func (p *Placer) pendingOf(e *wal.Entry) (pendingBatch, bool) {
	if e.Type != 0 || len(e.Data) == 0 {
		return pendingBatch{}, false
	}
	h, ok := batch.PeekHeader(e.Data)
	if !ok || h.Size != len(e.Data) {
		p.other = true
		return pendingBatch{}, false
	}
	return pendingBatch{
		index: e.Index, base: h.BaseOffset, next: h.NextOffset(), size: h.Size,
		epoch: h.LeaderEpoch, crc: h.CRC, segment: noOffset,
	}, true
}

func (p *Placer) push(one pendingBatch) {
	if p.other {
		p.other, p.blocked = false, max(p.blocked, one.next)
	}
	if n := len(p.pending); n > 0 && p.pending[n-1].next != one.base {
		p.blocked = max(p.blocked, one.base)
	}
	p.pending = append(p.pending, one)
	p.bytes += int64(one.size)
}

// Follow implements walactor.Placer. A write that fails leaves its batches to the log; what it left in the
// segment lies where nobody looks.
func (p *Placer) Follow(u *wal.Update, round uint64, atLeast int) bool {
	segment, placed := p.assign(u, round, atLeast)
	if len(placed) == 0 {
		return false
	}
	h, err := segment.acquire()
	if err != nil {
		p.giveUp(segment, placed, err)
		return false
	}
	if err := segment.files.syncNames(); err != nil { // the first time in a segment: its name is new
		h.release()
		p.giveUp(segment, placed, err)
		return false
	}
	if n := p.write(h, segment, placed); n == 0 || p.dirty != nil {
		h.release()
		return n > 0
	}
	p.dirty, p.dirtySegment = h, segment
	return true
}

// write writes placed batches, neighbours at once, and returns how many it has written.
func (p *Placer) write(h *handle, segment *Segment, placed []assignment) int {
	name := segment.Name()
	for done := 0; done < len(placed); {
		next := done + 1
		for next < len(placed) && placed[next].position == placed[next-1].end() {
			next++
		}
		run := placed[done:next]
		if err := writeRun(h, run); err != nil {
			p.giveUp(segment, placed[done:], err)
			return done
		}
		for _, one := range run {
			one.entry.At = &wal.Location{File: name, Position: one.position}
		}
		done = next
	}
	return len(placed)
}

// assignment is an entry and the position that it was given.
type assignment struct {
	entry    *wal.Entry
	position SegmentPosition
}

func (a *assignment) end() SegmentPosition { return a.position + SegmentPosition(len(a.entry.Data)) }

// assign takes note of an update and gives places to its large batches.
func (p *Placer) assign(u *wal.Update, round uint64, atLeast int) (*Segment, []assignment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.Remove || u.Checkpoint != nil && !u.Compaction {
		p.forgetAll()
	}
	if len(u.Entries) > 0 {
		p.drop(u.Entries[0].Index, round)
	}
	var placed []assignment
	for i := range u.Entries {
		e := &u.Entries[i]
		one, ok := p.pendingOf(e)
		if !ok {
			continue
		}
		at := p.place.size + p.bytes
		open := p.open(round, one.base) && !p.other
		switch {
		case open && p.place.ends(at, &one, timestampOf(e), len(p.pending)):
			p.blocked = max(p.blocked, one.next)
		case open && atLeast > 0 && one.size >= atLeast:
			one.segment, one.position = p.place.base, at
			p.held = max(p.held, one.next)
			placed = append(placed, assignment{e, at})
		}
		p.push(one)
	}
	return p.segment, placed
}

func timestampOf(e *wal.Entry) int64 { return batch.Batch(e.Data).MaxTimestamp() }

// open tells whether it is known where a batch with this base offset will stand.
func (p *Placer) open(round uint64, base protocol.Offset) bool {
	if p.files == nil || p.suspense > 0 || p.inline == round || p.place.end < p.blocked || p.place.size == 0 {
		return false
	}
	if len(p.pending) > 0 && (p.pending[0].base != p.place.end || p.pending[len(p.pending)-1].next != base) ||
		len(p.pending) == 0 && p.place.end != base {
		return false
	}
	return p.files.failure() == nil
}

// ends tells whether the active segment may end before a batch.
func (y *layout) ends(at SegmentPosition, b *pendingBatch, timestamp int64, pending int) bool {
	return at+SegmentPosition(b.size) > y.limit || b.next-1-y.base > math.MaxInt32 ||
		timestamp >= y.youngest || pending >= y.indexRoom
}

// drop forgets the pending batches from an index on: the update at hand replaces them.
func (p *Placer) drop(index uint64, round uint64) {
	keep := sort.Search(len(p.pending), func(i int) bool { return p.pending[i].index >= index })
	if keep == len(p.pending) {
		return
	}
	p.blocked = min(p.blocked, p.pending[keep].base)
	for _, one := range p.pending[keep:] {
		p.bytes -= int64(one.size)
		if one.segment != noOffset {
			p.inline, p.dropped = round, max(p.dropped, index)
		}
	}
	p.pending = p.pending[:keep]
}

// hold finds out what may not begin a segment, when another one has begun or replaced batches do not count
// any more.
func (p *Placer) hold() {
	p.held, p.dropped = 0, 0
	for i := range p.pending {
		if one := &p.pending[i]; one.segment == p.place.base {
			p.held = one.next
		}
	}
}

func (p *Placer) forgetAll() {
	p.pending, p.bytes, p.blocked, p.other = nil, 0, 0, false
	if p.found != nil {
		p.found.begins = nil
	}
}

// writeRun writes neighbours.
func writeRun(h *handle, run []assignment) error {
	buffers := make([][]byte, len(run))
	for i := range run {
		buffers[i] = run[i].entry.Data
	}
	_, err := h.file.WritevAt(buffers, run[0].position)
	return err
}

// giveUp leaves batches to the log that could not be written. The disk may be full, which the owner will find
// out as well; after any other error the log takes no more writes.
func (p *Placer) giveUp(s *Segment, run []assignment, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !vfs.IsNoSpace(err) {
		err = fmt.Errorf("append to %s at %d: %w", s.Name(), run[0].position, err)
		_ = s.files.fail(err) // the owner tells it
	}
	for _, one := range run {
		if i := p.find(one.entry.Index); i >= 0 {
			p.pending[i].segment = noOffset
		}
	}
}

// find returns the number of the pending batch of an entry, -1 if there is none.
func (p *Placer) find(index uint64) int {
	i := sort.Search(len(p.pending), func(i int) bool { return p.pending[i].index >= index })
	if i < len(p.pending) && p.pending[i].index == index {
		return i
	}
	return -1
}

// Sync implements walactor.Placer: it makes what was placed durable. The name of its file is.
func (p *Placer) Sync() error {
	h := p.dirty
	if h == nil {
		return nil
	}
	s := p.dirtySegment
	p.dirty, p.dirtySegment = nil, nil
	defer h.release()
	return s.sync(h)
}

// Forget implements walactor.Placer.
func (p *Placer) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.pending {
		p.pending[i].segment = noOffset
	}
	p.held = 0
}

// What follows is for the owner of the log.

// takeBegins returns the bases at which segments were to begin again, which they need not any more: the log
// refers to nothing there.
func (p *Placer) takeBegins() []protocol.Offset {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		return nil
	}
	begins := p.found.begins
	p.found.begins = nil
	return begins
}

// foundTo returns up to where the log referred to a segment when it was loaded, 0 if it did not.
func (p *Placer) foundTo(segment protocol.Offset) SegmentPosition {
	if p.found == nil {
		return 0
	}
	return p.found.places[segment]
}

// forgetLoaded drops what the write-ahead log referred to when it was loaded.
func (p *Placer) forgetLoaded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = nil
}

// attach begins to follow a log.
func (p *Placer) attach(l *Log) {
	p.mu.Lock()
	p.files, p.segment = l.files, nil
	p.mu.Unlock()
	p.follow(l)
}

// detach ends that: nothing is placed any more.
func (p *Placer) detach(l *Log) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == l.files {
		p.files, p.segment = nil, nil
	}
}

// follow takes note of where the log stands now.
func (p *Placer) follow(l *Log) {
	a, c := &l.active, &l.config
	next := layout{
		end: l.end, base: a.base, size: a.size, limit: min(c.SegmentBytes, maxSegmentBytes),
		youngest: math.MaxInt64,
		indexRoom: min(c.MaxIndexBytes/offsetEntrySize-int(a.current.offsetEntries),
			c.MaxIndexBytes/timeEntrySize-1-int(a.current.timeEntries)),
	}
	if after := c.rollAfterMs(a.base); a.firstTimestamp >= 0 && after < math.MaxInt64-a.firstTimestamp {
		next.youngest = a.firstTimestamp + after + 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if next.base != p.place.base || p.segment == nil {
		p.segment, p.place = l.last(), next
		p.hold()
		if f := p.found; f != nil {
			for len(f.begins) > 0 && f.begins[0] <= next.base {
				f.begins = f.begins[1:]
			}
		}
	}
	p.place = next
	p.trim()
}

// trim forgets the batches that the owner has appended.
func (p *Placer) trim() {
	n := 0
	for n < len(p.pending) && p.pending[n].base < p.place.end {
		p.bytes -= int64(p.pending[n].size)
		n++
	}
	if n == len(p.pending) {
		p.pending = p.pending[:0]
		if cap(p.pending) > smallPending {
			p.pending = nil
		}
		return
	}
	p.pending = p.pending[n:] // push makes room at the front when it runs out of it at the end
}

// smallPending is how many pending batches' room an idle log keeps.
const smallPending = 4

// Loaded tells whether the log referred to something when it was loaded.
func (p *Placer) Loaded() bool { return p.found != nil }

// placed tells whether the log refers to something that is not appended yet, or did until a round that may
// not be durable.
func (p *Placer) placed() bool {
	return p.held > p.place.end ||
		slices.ContainsFunc(p.pending, func(b pendingBatch) bool { return b.segment != noOffset })
}

// decide tells whether a batch begins a segment; wants is what the log would do by itself. If it does,
// nothing is placed until it has.
func (p *Placer) decide(b batch.Batch, wants func() bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	base := b.BaseOffset()
	p.release(base)
	switch {
	case p.found != nil && len(p.found.begins) > 0 && p.found.begins[0] == base:
		return true
	case base < p.held:
		return false
	case wants():
		p.blocked = max(p.blocked, b.NextOffset())
		return true
	}
	return false
}

// release stops holding the segment for batches that were replaced, once the owner appends one that came in
// their stead or later: it is applied, so the round that replaced them is durable.
func (p *Placer) release(base protocol.Offset) {
	if p.dropped == 0 {
		return
	}
	i := p.at(base)
	if i < len(p.pending) && p.pending[i].base == base && p.pending[i].index >= p.dropped {
		p.hold()
	}
}

// at returns the number of the first pending batch from a base on.
func (p *Placer) at(base protocol.Offset) int {
	return sort.Search(len(p.pending), func(i int) bool { return p.pending[i].base >= base })
}

// inPlace tells whether a batch that is appended at a position of a segment is there already. One that is not
// must not be written over one that is.
func (p *Placer) inPlace(b batch.Batch, segment protocol.Offset, at SegmentPosition) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	base := b.BaseOffset()
	i := p.at(base)
	if i < len(p.pending) && p.pending[i].base == base {
		one := &p.pending[i]
		same := one.size == len(b) && one.epoch == b.LeaderEpoch() && one.crc == b.CRC()
		if one.segment == segment {
			if !same || one.position != at {
				panic(fmt.Sprintf("BUG: got a batch of %d bytes with offset %d at %d, want that of %d bytes at %d",
					len(b), base, at, one.size, one.position))
			}
			return true
		}
		i++
	}
	if i < len(p.pending) {
		if one := &p.pending[i]; one.segment == segment && one.position < at+SegmentPosition(len(b)) {
			panic(fmt.Sprintf("BUG: got a batch of %d bytes with offset %d at %d, want none over that at %d",
				len(b), base, at, one.position))
		}
	}
	return false
}

// suspend keeps everything from being placed until resume, unless something is: then it tells false.
func (p *Placer) suspend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.placed() {
		return false
	}
	p.suspense++
	return true
}

func (p *Placer) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.suspense--
}
