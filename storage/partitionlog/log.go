package partitionlog

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Log is the log of one partition replica. Its methods belong to one owner, the applier, except View, which
// anybody may call.
type Log struct {
	// mu is held by the owner in each of his calls, and by a compaction while it exchanges segments.
	mu        sync.Mutex
	files     *files
	config    Config
	view      atomic.Pointer[View]
	segments  []*Segment // shared with views: replaced, never changed
	start     protocol.Offset
	end       protocol.Offset
	sealed    int64        // bytes of the closed segments
	active    indexBuilder // of the last segment
	loaded    bool         // active holds the entries, not only what they amount to
	tail      tail
	epochs    epochs
	producers *Producers
	// producersEnd says what producers is the result of: all batches below it. It is the end of the log, except
	// from when a Restore appends batches to the moment when its last piece, or the entries that it was ahead
	// of, have arrived.
	producersEnd protocol.Offset

	// open are the transactions that are open at the end of the log. Unlike producers it is never behind.
	open openTransactions

	// unsynced are the segments that a flush may have to sync, ascending.
	unsynced []*Segment
	// retired are the segments that left the views and whose files the last checkpoint may still need.
	retired []*Segment
	// checkpointed is the base of the segment that was active at the last checkpoint. Those below are durable
	// and never written again.
	checkpointed protocol.Offset
	// replay says where a rebuilt log has to roll while bytes are written a second time.
	replay replay
	// epochsWritten is the history that leader-epoch-checkpoint holds.
	epochsWritten epochs
	closed        bool
	restoring     *restore // nil while no Restore is under way
	renewing      renewing // if it is a copy of the log that a Restore fills
	buffers       [][]byte // reused by Append
	placer        *Placer
}

// View returns the latest published view. It may be called from any goroutine.
func (l *Log) View() *View { return l.view.Load() }

// Producers returns a copy of the producer table as of the last applied batch, for whoever checks what comes
// next.
func (l *Log) Producers() *Producers {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.producers.Clone()
}

// ExpireProducers forgets the producers without an open transaction whose last record is from before a time
// (milliseconds since the epoch), and returns how many. at is the offset of the record that comes next where
// all replicas apply that. A log that a Restore has brought further has it in its table, and what producers
// did since must not be judged by an older time: then it does nothing.
func (l *Log) ExpireProducers(at protocol.Offset, before int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.producersEnd != at {
		return 0
	}
	expired := l.producers.Expire(before)
	if expired > 0 {
		l.publish()
	}
	return expired
}

// Reconfigure makes the log follow a changed configuration from the next append on. TopicID and Handles stay
// what they were.
func (l *Log) Reconfigure(c Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	c = c.withDefaults()
	c.TopicID, c.Handles, c.Placer = l.config.TopicID, l.config.Handles, l.config.Placer
	l.config = c
	l.producers.limit = c.MaxProducers
	l.files.indexInterval.Store(int64(c.IndexIntervalBytes))
	l.placer.follow(l)
	if l.renewing.log != nil {
		return l.renewing.log.Reconfigure(c)
	}
	return nil
}

// usable returns why the log cannot be written any more, nil if it can.
func (l *Log) usable() error {
	if l.closed {
		return ErrClosed
	}
	return l.files.failure()
}

// publish makes the current state visible to readers.
func (l *Log) publish() {
	v := &View{
		segments: l.segments, start: l.start, end: l.end, sealed: l.sealed, epochs: l.epochs,
		stable: l.open.stable(l.start, l.end), producers: l.producers.Len(),
		active: activeView{
			size: l.active.size, maxTimestamp: l.active.maxTimestamp, maxOffset: l.active.maxOffset,
			mark: l.active.current, index: l.active.indexes, tail: l.tail,
		},
		current: &l.view,
	}
	l.view.Store(v)
	l.placer.follow(l)
}

// last returns the active segment.
func (l *Log) last() *Segment { return l.segments[len(l.segments)-1] }

// Append writes committed batches to the end of the log and publishes a view that shows them: one write for
// each segment they go to. The batches must be stamped, verified and contiguous from the end of the log on;
// anything else is a bug of the caller and panics. The bytes are not kept.
//
// After an error nothing of the call is visible and the log takes no more writes; it has to be opened again.
// Durability comes from the write-ahead log and, later, from a flush.
func (l *Log) Append(batches []batch.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(batches, false)
}

// append writes batches that the owner applies, or copied ones.
func (l *Log) append(batches []batch.Batch, copied bool) error {
	if err := l.usable(); err != nil {
		return err
	}
	if err := l.load(); err != nil {
		return l.files.fail(err)
	}
	for rest := batches; len(rest) > 0; {
		if l.shouldRoll(rest[0]) {
			if err := l.roll(); err != nil {
				return l.files.fail(err)
			}
		}
		n, err := l.appendRun(rest, copied)
		if err != nil {
			return l.files.fail(err)
		}
		rest = rest[n:]
	}
	l.publish()
	return nil
}

// appendRun writes the batches that go to the active segment, one at least, except those that are in place,
// and returns how many they were.
func (l *Log) appendRun(batches []batch.Batch, copied bool) (int, error) {
	at := l.active.size // of the first buffer
	n := 0
	for n < len(batches) && (n == 0 || !l.shouldRoll(batches[n])) {
		inPlace := l.placer.inPlace(batches[n], l.active.base, l.active.size)
		l.take(batches[n], copied)
		if inPlace {
			if err := l.write(at); err != nil {
				return 0, err
			}
			at = l.active.size
		} else {
			l.buffers = append(l.buffers, batches[n])
		}
		n++
	}
	return n, l.write(at)
}

// write writes the buffers to the active segment and empties them.
func (l *Log) write(at SegmentPosition) error {
	if len(l.buffers) == 0 {
		return nil
	}
	h, err := l.last().acquireForAppend()
	if err == nil {
		_, err = h.file.WritevAt(l.buffers, at)
		h.release()
	}
	clear(l.buffers)
	l.buffers = l.buffers[:0]
	if err != nil {
		return fmt.Errorf("append to %s at %d: %w", l.last().Name(), at, err)
	}
	return nil
}

// take adds a batch to everything that is known of the log beside its bytes. A copied one says nothing of
// producers: between it and the one before some may have expired, and compaction elsewhere may have taken
// records.
func (l *Log) take(b batch.Batch, copied bool) {
	base, last, epoch := b.BaseOffset(), b.LastOffset(), b.LeaderEpoch()
	if base != l.end || last < base || b.Size() != len(b) {
		panic(fmt.Sprintf("BUG: got a batch of %d bytes (header: %d) with offsets %d to %d, want the next at %d",
			len(b), b.Size(), base, last, l.end))
	}
	latest := l.epochs.latest()
	if epoch < latest || epoch < 0 {
		panic(fmt.Sprintf("BUG: got leader epoch %d at offset %d, want %d or later", epoch, base, latest))
	}
	if epoch > latest {
		l.epochs = l.epochs.with(epoch, base)
	}
	if len(l.unsynced) == 0 || l.unsynced[len(l.unsynced)-1] != l.last() {
		l.unsynced = append(l.unsynced, l.last())
	}
	l.tail = l.tail.with(int32(base-l.active.base), l.active.size)
	l.active.add(last, b.MaxTimestamp(), len(b), l.config.IndexIntervalBytes)
	if b.IsTransactional() {
		h := b.Header()
		if e, aborted := l.open.follow(&h, markerOf(b)); aborted {
			l.active.addAborted(e)
		}
	}
	if !copied && l.producersEnd == base {
		l.producers.Update(b)
		l.producersEnd = last + 1
	}
	l.end = last + 1
}

// load makes sure that the index entries of the active segment are in memory.
func (l *Log) load() error {
	if l.loaded {
		return nil
	}
	if l.active.current != (indexMark{}) {
		sp := l.View().span(len(l.segments) - 1)
		x, err := sp.load(l.active.current)
		if err != nil {
			return err
		}
		// Clipped slices make the first append copy: the loaded index is shared with readers.
		l.active.indexes = indexes{slices.Clip(x.offsets), slices.Clip(x.times), slices.Clip(x.aborted)}
		if x.sinceEntry >= 0 {
			l.active.current, l.active.sinceEntry = x.mark(), x.sinceEntry
		}
		l.last().dropIndex()
	}
	l.loaded = true
	return nil
}

// shouldRoll tells whether a batch begins a new segment.
func (l *Log) shouldRoll(b batch.Batch) bool {
	a := &l.active
	if a.size == 0 {
		return false
	}
	return l.placer.decide(b, func() bool { return l.wantsRoll(b) })
}

func (l *Log) wantsRoll(b batch.Batch) bool {
	a := &l.active
	if a.size+int64(len(b)) > maxSegmentBytes || !a.fits(b.LastOffset()) {
		return true
	}
	if decided, roll := l.replay.decide(l, b); decided {
		return roll
	}
	aged := a.firstTimestamp >= 0 && b.MaxTimestamp()-a.firstTimestamp > l.config.rollAfterMs(a.base)
	return a.size+int64(len(b)) > l.config.SegmentBytes || aged || a.full(l.config.MaxIndexBytes)
}

// roll closes the active segment, which is not empty, and begins an empty one at the end of the log. Its
// file is made by the first append.
func (l *Log) roll() error {
	s, a := l.last(), &l.active
	if repeated := l.replay.pass(l); !repeated {
		if err := s.cutTo(a.size); err != nil {
			return err
		}
	}
	a.maybeAddTime()
	s.pinIndex(a.indexes, a.current)
	s.info.Store(&sealedInfo{
		size: a.size, maxTimestamp: a.maxTimestamp, maxOffset: a.maxOffset, mark: a.current, known: true,
	})
	l.files.manifestWanted.Add(1)
	l.sealed += a.size
	l.segments = append(l.segments[:len(l.segments):len(l.segments)], newSegment(l.files, l.end))
	l.active = newIndexBuilder(l.end)
	l.tail = nil
	l.placer.follow(l)
	return nil
}

// replay knows what is in the files above the state that a rebuilt log started from. Readers of older views
// may be looking at those bytes, so the same batches must go to the same places, whatever the configuration
// says by now. The zero value restricts nothing.
type replay struct {
	bases []protocol.Offset // of the segments above the active one, ascending
	size  SegmentPosition   // of the file of the last one of all
}

// decide tells whether the files say what to do with a batch, and if so, whether it begins a segment.
func (r *replay) decide(l *Log, b batch.Batch) (decided, roll bool) {
	if len(r.bases) > 0 {
		return true, b.BaseOffset() == r.bases[0]
	}
	if l.active.size+int64(len(b)) <= r.size {
		return true, false
	}
	return false, false
}

// over tells whether the log may begin a segment of its own accord: what was written before either begins one
// here too or is written again. A Restore may raise the log start to an end that had no segment before.
func (r *replay) over(l *Log) bool {
	if len(r.bases) > 0 {
		return r.bases[0] == l.end
	}
	return r.size <= l.active.size
}

// pass is called when the active segment is closed, and tells whether there are others behind it already.
// Then readers of an older view may have seen more of this one, if the log began anew in between.
func (r *replay) pass(l *Log) (repeated bool) {
	if len(r.bases) == 0 {
		r.size = 0
		return false
	}
	if r.bases[0] == l.end {
		r.bases = r.bases[1:]
	}
	return true
}
