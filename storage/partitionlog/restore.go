package partitionlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// A Restore brings the log of a replica that was away to where another one is:
//
//	                       log start        end
//	the other log              |~~~~~~~~~~~~~|
//	ends in between        ~~~~~~~~|             the missing batches are appended
//	ends before       ~~~|     (|)               it begins anew at the log start, as an empty log does
//	ends behind            ~~~~~~~~~~~~~~~~~~~|  nothing is missing
//
// One that ends in between, but below what compaction of the other log has purged, is copied anew beside the
// one there is (renewal.go).
//
// What is in a log is committed, so every part of it that arrives is right at once: it is shown to readers,
// may get into a checkpoint, and stays if the rest never comes. Only the producer table cannot be made from a
// part; Log.producersEnd says how far it is.
//
// A log that begins anew keeps its old files, retired, until a checkpoint after that is in the write-ahead
// log. Its new segments lie above all old ones, so a Boot from the checkpoint before removes them.

// restore is what is known of a Restore under way.
type restore struct {
	header    header
	next      protocol.Offset // of the next batch of the source
	table     []byte          // what has come of the producer snapshot
	producers *Producers      // the whole table; nil until it has come
	unsettled int             // bytes appended since the segments were synced
}

// settleBytes is how much is restored before it is synced. One sync at the end would keep the disk, and with
// it the write-ahead log, busy for as long as it takes to write gigabytes.
const settleBytes = 64 << 20

// Restore takes the next piece of a Source of another replica's log; first is set for the first one, and an
// earlier Restore is void then. An error that is ErrSource says that the pieces cannot be used: the log stays
// what it is, and a Restore has to begin anew. After any other error the log takes no more writes.
func (l *Log) Restore(piece []byte, first bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	var err error
	if first {
		l.restoring = nil
		err = l.maybeRenew(piece)
	}
	if err == nil && l.renewing.log != nil {
		if err = l.renewing.log.Restore(piece, first); err != nil && !errors.Is(err, ErrSource) {
			err = l.files.fail(err)
		}
		return err
	}
	if err == nil {
		err = l.restoreHere(piece, first)
	}
	if err != nil {
		l.restoring = nil
		return fmt.Errorf("restore %s: %w", l.files.dir, err)
	}
	return nil
}

// restoreHere takes a piece for this log itself.
func (l *Log) restoreHere(piece []byte, first bool) error {
	if !l.placer.suspend() {
		// What was asked for before the log took in all that it refers to, and comes after that.
		return sourceError("its place is taken by what is not applied")
	}
	defer l.placer.resume()
	if err := l.clearBegun(); err != nil {
		return l.files.fail(err)
	}
	return l.restore(piece, first)
}

// clearBegun removes the segments that a Boot kept because the write-ahead log referred to them. It does not
// any more, and what is copied may begin others. After a Rebuild they belong to the replay.
func (l *Log) clearBegun() error {
	for _, base := range l.placer.takeBegins() {
		if base <= l.active.base || slices.Contains(l.replay.bases, base) {
			continue
		}
		if err := removeSegmentFiles(l.files, base); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) restore(piece []byte, first bool) error {
	kind, body, err := openPiece(piece)
	if err != nil {
		return err
	}
	switch r := l.restoring; {
	case isHeader(kind) && first:
		return l.beginRestore(kind, body)
	case first:
		return sourceError("it begins with a piece of kind %d", kind)
	case r == nil:
		return sourceError("a piece of kind %d comes without a header", kind)
	case kind == pieceBatches && r.table == nil:
		return l.restoreBatches(body)
	case kind == pieceProducers && r.producers == nil:
		return l.restoreProducers(body)
	default:
		return sourceError("a piece of kind %d comes in the wrong place", kind)
	}
}

// beginRestore takes the header.
func (l *Log) beginRestore(kind byte, body []byte) error {
	h, err := decodeHeader(kind, body)
	if err != nil {
		return err
	}
	if h.topicID != l.config.TopicID {
		return sourceError("it is of topic %s", topicIDEncoding.EncodeToString(h.topicID[:]))
	}
	if !l.epochs.agrees(h.epochs, max(l.start, h.start), min(l.end, h.end)) {
		return sourceError("its leader-epoch history %v is not that of this log, %v", h.epochs, l.epochs)
	}
	switch {
	case h.from <= l.end:
	case h.start <= l.end:
		return sourceError("it begins at %d and leaves a gap after %d", h.from, l.end)
	default:
		l.reset(h.from, h.epochAt(h.from))
	}
	if err := l.notePurged(h.purged); err != nil {
		return err
	}
	l.restoring = &restore{header: h, next: h.from}
	return l.followStart()
}

// reset begins the log anew, empty, at an offset beyond its end. epoch is that of the next record.
func (l *Log) reset(base protocol.Offset, epoch protocol.LeaderEpoch) {
	l.retired = append(l.retired, l.segments...)
	l.retired = append(l.retired, l.replay.skipTo(l.files, base)...)
	l.segments = []*Segment{newSegment(l.files, base)}
	l.unsynced, l.sealed, l.tail = nil, 0, nil
	l.active, l.loaded = newIndexBuilder(base), true
	l.start, l.end = base, base
	l.epochs, l.open = nil, nil
	if epoch != protocol.NoLeaderEpoch {
		l.epochs = epochs{{epoch, base}}
	}
	l.publish()
}

// skipTo returns the segments that a rebuilt log will not write again because it goes on at base. From there
// on, what was written before is written again as it was.
func (r *replay) skipTo(f *files, base protocol.Offset) (skipped []*Segment) {
	rest := r.bases
	for len(rest) > 0 && rest[0] < base {
		skipped = append(skipped, newSegment(f, rest[0]))
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		*r = replay{}
	case rest[0] == base:
		r.bases = rest[1:]
	default:
		r.bases = rest
	}
	return skipped
}

// followStart raises the log start to that of the source as soon as the log reaches that far.
func (l *Log) followStart() error {
	if start := l.restoring.header.start; start <= l.end {
		return l.advanceStart(start)
	}
	return nil
}

// restoreBatches appends what the log does not have yet.
func (l *Log) restoreBatches(body []byte) error {
	r := l.restoring
	missing, err := l.missing(body)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	if err := l.append(missing, true); err != nil {
		return err
	}
	for _, b := range missing {
		r.unsettled += len(b)
	}
	if err := l.followStart(); err != nil || r.unsettled < settleBytes {
		return err
	}
	r.unsettled = 0
	return l.settle()
}

// missing checks the batches of a piece and returns those that the log does not have yet. All are judged
// before one is appended.
func (l *Log) missing(body []byte) ([]batch.Batch, error) {
	r := l.restoring
	var missing []batch.Batch
	next := r.next
	for len(body) > 0 {
		h, ok := batch.PeekHeader(body)
		if !ok || h.Size > len(body) {
			return nil, sourceError("no whole batch at %d", next)
		}
		b := batch.Batch(body[:h.Size:h.Size])
		body = body[h.Size:]
		switch epoch := r.header.epochAt(h.BaseOffset); {
		case h.BaseOffset != next:
			return nil, sourceError("got base offset %d, want %d", h.BaseOffset, next)
		case h.NextOffset() > r.header.end:
			return nil, sourceError("got last offset %d in a log that ends at %d", h.LastOffset, r.header.end)
		case h.LeaderEpoch != epoch:
			return nil, sourceError("got leader epoch %d at %d, want %d", h.LeaderEpoch, h.BaseOffset, epoch)
		case !b.VerifyCRC():
			return nil, sourceError("the batch at %d fails its checksum", h.BaseOffset)
		}
		next = h.NextOffset()
		if next <= l.end {
			continue
		}
		if h.BaseOffset < l.end && h.IsFiller() {
			fillFrom(b, l.end)
			h.BaseOffset = l.end
		}
		if h.BaseOffset < l.end || h.LeaderEpoch < l.epochs.latest() {
			return nil, sourceError("offsets %d to %d of epoch %d do not continue a log that ends at %d in epoch %d",
				h.BaseOffset, h.LastOffset, h.LeaderEpoch, l.end, l.epochs.latest())
		}
		missing = append(missing, b)
	}
	r.next = next
	return missing, nil
}

// settle syncs what was appended, as a flush will have to anyway.
func (l *Log) settle() error {
	flushing := l.files.flushing()
	flushing.Lock()
	defer flushing.Unlock()
	for _, s := range l.unsynced {
		one := l.captureSegment(s)
		if err := one.flush(); err != nil {
			return l.files.fail(err)
		}
	}
	return nil
}

// restoreProducers takes a part of the producer table.
func (l *Log) restoreProducers(body []byte) error {
	r := l.restoring
	switch {
	case r.next < r.header.end:
		return sourceError("it ends at %d instead of %d", r.next, r.header.end)
	case len(body) == 0 || body[0] > 1:
		return sourceError("a part of a producer table that is none")
	case len(r.table)+len(body) > maxSnapshotBytes:
		return sourceError("a producer table of more than %d bytes", maxSnapshotBytes)
	}
	r.table = append(r.table, body[1:]...)
	if body[0] == 0 {
		return nil
	}
	table, err := parseSnapshot(r.table, l.config.MaxProducers)
	if err != nil {
		return sourceError("%v", err)
	}
	r.producers, r.table = table, r.table[:0:0]
	return nil
}

// Restored comes after the last piece: it takes over the producer table, makes everything durable and returns
// the State, as the function that Capture returns does. If pieces are missing it fails with ErrSource.
func (l *Log) Restored() (State, error) {
	if l.renewing.log != nil {
		return l.restoredRenewal()
	}
	flush, err := l.restored()
	if err != nil {
		return nil, err
	}
	return flush()
}

// restored is Restored without making durable.
func (l *Log) restored() (flush func() (State, error), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	r := l.restoring
	if r == nil || r.producers == nil {
		return nil, fmt.Errorf("restore %s: %w", l.files.dir, sourceError("its last pieces are missing"))
	}
	l.restoring = nil
	if l.producersEnd <= r.header.producersEnd {
		r.producers.version = l.producers.version + 1 // no snapshot of the old table may pass for this one
		l.producers, l.producersEnd = r.producers, r.header.producersEnd
	}
	l.settleOpen()
	return l.capture()
}

// Repeat takes note of committed batches that a Restore has brought before the caller came to apply them, and
// returns the rest, which Append takes. Those that it leaves out must be those of the log; anything else is
// a bug of the caller and panics.
func (l *Log) Repeat(batches []batch.Batch) (rest []batch.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(batches) > 0 && batches[0].BaseOffset() < l.end {
		l.repeat(batches[0])
		batches = batches[1:]
	}
	l.settleOpen()
	return batches
}

func (l *Log) repeat(b batch.Batch) {
	base, next := b.BaseOffset(), b.NextOffset()
	epoch := b.LeaderEpoch()
	if next > l.start {
		epoch = l.epochs.at(max(base, l.start))
	}
	if next > l.end || epoch != b.LeaderEpoch() || base > l.producersEnd {
		panic(fmt.Sprintf("BUG: got offsets %d to %d of epoch %d again, want what is in a log from %d to %d "+
			"(epoch %d there, producers up to %d)",
			base, next-1, b.LeaderEpoch(), l.start, l.end, epoch, l.producersEnd))
	}
	if base == l.producersEnd {
		l.producers.Update(b)
		l.producersEnd = next
	}
}

// settleOpen takes over the open transactions of a producer table that has come to the end of the log. Those
// that were followed meanwhile are the same, except where one begins in the middle of which the log began
// anew.
func (l *Log) settleOpen() {
	if l.Behind() || slices.Equal(l.open, l.producers.open) {
		return
	}
	l.open = l.producers.open
	l.publish()
}

// Behind tells whether the producer table is not yet that of the end of the log, see Repeat. A leader needs
// one that is.
func (l *Log) Behind() bool { return l.producersEnd < l.end }
