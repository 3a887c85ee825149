package partitionlog

import (
	"fmt"
	"math"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// cleaning writes the segment that takes the place of some neighbours. How it comes to its place is told in
// compaction_exchange.go.
type cleaning struct {
	compaction *Compaction
	old        []*Segment
	end        protocol.Offset
	next       int // number of the span after the group
	size       int64
	file       vfs.File
	index      indexBuilder
	aborted    abortedIndex // entries of the old segments that have not been taken over or left out
	aborts     bool         // the old segments have such entries
	gap        gap
	changed    bool
	buffer     []byte
	unsynced   int64
	recorded   bool // the exchange is on record, so the files must stay
	purges     bool // tombstones and markers may go
	purged     protocol.Offset
}

// gap is a range of offsets whose records are gone; last is below base while there is none.
type gap struct {
	base, last protocol.Offset
	epoch      protocol.LeaderEpoch
}

// The new file is written in pieces of writerChunk, each of which is on its way to the disk when the next one
// comes: to leave all of it to one sync would keep the disk, and with it the write-ahead log, busy. Syncs in
// between would do so too, for each has to wait for the journal of the file system, and who comes meanwhile
// with it. The few there are keep what is under way within bounds where files cannot be written back like
// that.
const (
	writerChunk = 256 << 10
	writerSync  = 32 << 20
)

func newCleaning(c *Compaction, spans []span) (*cleaning, error) {
	first, last := spans[0], spans[len(spans)-1]
	g := &cleaning{
		compaction: c, end: last.end, next: c.at + len(spans), index: newIndexBuilder(first.base),
		gap: gap{base: 0, last: -1}, purges: c.log.files.purge.allowed(),
	}
	for _, sp := range spans {
		g.old = append(g.old, sp.Segment)
		g.size += sp.size
	}
	if err := g.loadAborted(spans); err != nil {
		return nil, err
	}
	f := c.log.files
	err := f.whileOwner(func() (err error) {
		g.file, err = f.fs.Create(first.Name() + suffixCleaned)
		return err
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// loadAborted gathers the entries of the old segments.
func (g *cleaning) loadAborted(spans []span) error {
	for i := range spans {
		aborts, err := spans[i].aborts()
		if err != nil || !aborts {
			if err != nil {
				return err
			}
			continue
		}
		x, err := spans[i].indexes()
		if err != nil {
			return err
		}
		g.aborted, g.aborts = append(g.aborted, x.aborted...), true
	}
	return nil
}

// grow takes in the next segment too if what is left of it should fit. Each exchange waits for the disk
// several times, so one for each segment would cost far more than to write what little is left of them.
//
// It reckons with twice the share that was left so far. Where even more is left the new segment becomes
// larger than segment.bytes, as one is that was written before that was made smaller.
func (g *cleaning) grow() (grown bool, err error) {
	c := g.compaction
	if g.next >= len(c.spans) || c.spans[g.next].base >= c.end || g.size >= c.noteEvery() {
		return false, nil
	}
	sp := c.spans[g.next]
	left := func(bytes int64) int64 { return min(bytes, 2*bytes*g.index.size/g.size) }
	entries := int64(max(g.index.current.bytes())) + left(int64(max(sp.info.Load().mark.bytes())))
	if g.index.size+left(sp.size) > c.config.SegmentBytes || entries > int64(c.config.MaxIndexBytes) ||
		g.index.size+2*sp.size > maxSegmentBytes || sp.end-1-g.index.base > math.MaxInt32 {
		return false, nil
	}
	if err := g.loadAborted(c.spans[g.next : g.next+1]); err != nil {
		return false, err
	}
	g.old = append(g.old, sp.Segment)
	g.size += sp.size
	g.end = sp.end
	g.next++
	return true, nil
}

// keepAborted takes over the entry of an abort marker that stays. That of one that goes must not stay: a
// reader would wait for the marker and leave out what the producer wrote later.
func (g *cleaning) keepAborted(b batch.Batch, stays bool) {
	for len(g.aborted) > 0 && g.aborted.entry(0).last <= b.LastOffset() {
		if e := g.aborted.entry(0); stays && e.last == b.LastOffset() {
			g.index.addAborted(e)
		}
		g.aborted = g.aborted[abortedEntrySize:]
	}
}

// add takes what is left of a batch, nil for nothing.
func (g *cleaning) add(b, rest batch.Batch) error {
	if b.IsControl() {
		g.keepAborted(b, rest != nil)
	}
	if rest == nil {
		return g.leaveOut(b)
	}
	if err := g.closeGap(); err != nil {
		return err
	}
	g.changed = g.changed || &rest[0] != &b[0]
	return g.write(rest)
}

// leaveOut adds the offsets of a batch to the gap, or begins another one.
func (g *cleaning) leaveOut(b batch.Batch) error {
	h := b.Header()
	g.changed = g.changed || !h.IsFiller()
	open := g.gap.last >= g.gap.base
	if open && g.gap.epoch == h.LeaderEpoch && h.LastOffset-g.gap.base < math.MaxInt32 {
		g.gap.last = h.LastOffset
		return nil
	}
	if err := g.closeGap(); err != nil {
		return err
	}
	g.gap = gap{h.BaseOffset, h.LastOffset, h.LeaderEpoch}
	return nil
}

func (g *cleaning) closeGap() error {
	if g.gap.last < g.gap.base {
		return nil
	}
	filler := batch.Filler(g.gap.base, g.gap.last, g.gap.epoch)
	g.gap.last = g.gap.base - 1
	return g.write(filler)
}

func (g *cleaning) write(b batch.Batch) error {
	if g.index.size+int64(len(b)) > maxSegmentBytes {
		return fmt.Errorf("%s would get larger than a segment may be", g.old[0].Name())
	}
	h := b.Header()
	g.index.addHeader(&h, g.compaction.config.IndexIntervalBytes)
	g.buffer = append(g.buffer, b...)
	if len(g.buffer) >= writerChunk {
		return g.flush()
	}
	return nil
}

// flush writes what is buffered.
func (g *cleaning) flush() error {
	at, size := g.index.size-int64(len(g.buffer)), int64(len(g.buffer))
	if _, err := g.file.WriteAt(g.buffer, at); err != nil {
		return err
	}
	g.file.WriteBack(at, size)
	g.unsynced += size
	g.buffer = g.buffer[:0]
	if g.unsynced < writerSync {
		return nil
	}
	g.unsynced = 0
	return g.file.Sync()
}

// abandon removes what was written, as far as that is possible.
func (g *cleaning) abandon() {
	f := g.compaction.log.files
	_ = g.file.Close() // nobody needs it
	if g.recorded {
		return
	}
	_ = f.whileOwner(func() error { return f.removeCleaned(g.old[0].base) })
}
