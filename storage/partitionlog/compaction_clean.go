package partitionlog

import (
	"io"
	"math"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// clean takes one batch to the segment that the group under way becomes, or ends the group.
func (c *Compaction) clean() error {
	if c.group == nil {
		return c.beginGroup()
	}
	b, err := c.nextBatch(&c.reader, &c.at, 0)
	if err == io.EOF || err == nil && b.BaseOffset() >= c.group.end {
		return c.endGroup()
	}
	if err != nil {
		return err
	}
	rest, err := c.retain(b)
	if err != nil {
		return err
	}
	before := c.group.index.size
	if err := c.group.add(b, rest); err != nil {
		return err
	}
	c.moved += c.group.index.size - before
	c.Written += c.group.index.size - before
	if c.reader.want < c.group.end {
		return nil
	}
	if grown, err := c.group.grow(); grown || err != nil {
		return err
	}
	return c.endGroup()
}

// beginGroup takes as many of the next segments as may become one whatever is left of them. The map knows
// nothing of what is at or after c.end; segments from there on stay what they are.
func (c *Compaction) beginGroup() error {
	first := c.at
	if first >= len(c.spans) || c.spans[first].base >= c.end {
		return c.finish()
	}
	n, size, entries := first, int64(0), 0
	for n < len(c.spans) && c.spans[n].base < c.end {
		sp := c.spans[n]
		next := max(sp.info.Load().mark.bytes()) + entries
		if n > first && (size+sp.size > min(c.config.SegmentBytes, maxSegmentBytes) ||
			next > c.config.MaxIndexBytes || sp.end-1-c.spans[first].base > math.MaxInt32) {
			break
		}
		size, entries = size+sp.size, next
		n++
	}
	group, err := newCleaning(c, c.spans[first:n])
	c.group = group
	return err
}

// endGroup exchanges the segments of the group, if the new one is any different.
func (c *Compaction) endGroup() error {
	c.reader.close()
	group := c.group
	c.at = group.next
	changed, err := group.finish()
	if err != nil {
		return err
	}
	c.group = nil
	if changed {
		c.unnoted = 0
		return nil
	}
	return c.passed(group)
}

// retain returns what is to be left of a batch: the batch itself, one with fewer records or a delete horizon,
// or nil.
func (c *Compaction) retain(b batch.Batch) (batch.Batch, error) {
	transactional := b.IsTransactional()
	if b.IsControl() {
		return c.retainMarker(b)
	}
	if transactional && b.Count() > 0 {
		c.ongoing[b.ProducerID()] = struct{}{}
	}
	if b.BaseOffset() >= c.end {
		return b, nil
	}
	if b.Count() == 0 || b.LastOffset() < c.end && c.outcomes.aborted(b) {
		c.Removed += int64(b.Count())
		return c.remainder(b), nil
	}
	kept, tombstones, err := c.choose(b)
	if err != nil {
		return nil, err
	}
	c.Removed += int64(b.Count()) - int64(kept)
	_, set := b.DeleteHorizon()
	switch needs := tombstones && !set; {
	case kept == 0:
		return c.remainder(b), nil
	case needs:
		return b.Retain(c.keep, c.horizon())
	case kept < int(b.Count()):
		return b.Retain(c.keep, batch.NoHorizon)
	}
	return b, nil
}

// horizon returns the time until which tombstones stay that this compaction is the first to see (KIP-534).
// Consumers that are behind see them for at least so long.
func (c *Compaction) horizon() int64 {
	if c.now > math.MaxInt64-c.config.DeleteRetentionMs {
		return math.MaxInt64
	}
	return c.now + c.config.DeleteRetentionMs
}

// expired tells whether the tombstones or the marker of a batch may go.
func (c *Compaction) expired(b batch.Batch) bool {
	horizon, set := b.DeleteHorizon()
	return set && c.now >= horizon && c.group.purges
}

// purge notes that a tombstone or a marker goes.
func (c *Compaction) purge(offset protocol.Offset) { c.group.purged = max(c.group.purged, offset+1) }

// choose decides on each record of a batch and fills c.keep.
func (c *Compaction) choose(b batch.Batch) (kept int, tombstones bool, err error) {
	c.keep = c.keep[:0]
	expired := c.expired(b)
	err = b.Entries(func(e batch.Entry) bool {
		stays := e.Offset >= c.end
		if !stays && e.Offset >= c.view.start && e.Key != nil {
			stays = !c.keys.superseded(e.Key, e.Offset)
			if stays && e.Tombstone && expired {
				stays = false
				c.purge(e.Offset)
			}
		}
		if stays {
			kept++
			tombstones = tombstones || e.Tombstone
		}
		c.keep = append(c.keep, stays)
		return true
	})
	return kept, tombstones, err
}

// remainder returns what is left of a batch whose records all go: nothing, unless a producer that is known
// wrote nothing after it. Whoever reads the files learns the last sequence number from it.
func (c *Compaction) remainder(b batch.Batch) batch.Batch {
	if !b.HasProducer() {
		return nil
	}
	p := c.producers.find(b.ProducerID())
	if p == nil || p.epoch != b.ProducerEpoch() || p.count == 0 ||
		p.batches[p.count-1].LastOffset != b.LastOffset() {
		return nil
	}
	if b.Count() == 0 {
		return b
	}
	return b.Emptied()
}

// retainMarker decides on a control batch. The marker of a transaction goes when none of its records was left
// in the log when a compaction came by and its delete horizon, set then, has passed; but not while it is the
// last thing that a producer wrote that is known. All other control batches stay.
//
// A pass that goes on has not seen what was cleaned before: there the first marker of each producer stays as
// if records of its transaction were left. Were it to go while they are, nobody could tell any more that they
// were aborted.
func (c *Compaction) retainMarker(b batch.Batch) (batch.Batch, error) {
	kind := markerOf(b)
	if kind != markerAbort && kind != markerCommit {
		return b, nil
	}
	id := b.ProducerID()
	_, ongoing := c.ongoing[id]
	if _, ended := c.ended[id]; !ended && c.pass.cleaned > c.spans[0].base {
		ongoing = true
	}
	delete(c.ongoing, id)
	c.ended[id] = struct{}{}
	if p := c.producers.find(id); ongoing || b.BaseOffset() >= c.end || p != nil && p.updated == b.LastOffset() {
		return b, nil
	}
	if _, set := b.DeleteHorizon(); !set {
		c.keep = append(c.keep[:0], true)
		return b.Retain(c.keep, c.horizon())
	}
	if c.expired(b) {
		c.purge(b.LastOffset())
		c.Removed++
		return nil, nil
	}
	return b, nil
}
