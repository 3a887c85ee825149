package partitionlog

import (
	"encoding/binary"
	"io"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// maxOutcomes bounds how many transactions a pass looks at; it ends before one that would be more.
const maxOutcomes = 100_000

// outcomes says which batches of a part of a log belong to aborted transactions.
type outcomes struct {
	open  map[int64]protocol.Offset // by producer: first batch of the transaction whose marker has not come yet
	ended map[int64][]abortedRange
	count int
}

// abortedRange is where an aborted transaction lies, its marker included.
type abortedRange struct{ first, last protocol.Offset }

// aborted tells whether a batch belongs to an aborted transaction.
func (o *outcomes) aborted(b batch.Batch) bool {
	if !b.IsTransactional() || b.IsControl() {
		return false
	}
	for _, r := range o.ended[b.ProducerID()] {
		if r.first <= b.BaseOffset() && b.LastOffset() <= r.last {
			return true
		}
	}
	return false
}

// full tells whether no transaction more can be taken up.
func (o *outcomes) full() bool { return o.count+len(o.open) >= maxOutcomes }

// firstOpen returns the first offset of a transaction whose marker has not come, or the given one.
func (o *outcomes) firstOpen(none protocol.Offset) protocol.Offset {
	for _, first := range o.open {
		none = min(none, first)
	}
	return none
}

// take goes over one batch; one that is not wanted begins no transaction, nor does what is left of one that
// was decided before its records went.
func (o *outcomes) take(b batch.Batch, wanted bool) {
	if !b.IsTransactional() {
		return
	}
	id := b.ProducerID()
	first, known := o.open[id]
	switch kind := markerOf(b); {
	case !b.IsControl():
		if !known && wanted && b.Count() > 0 {
			o.open[id] = b.BaseOffset()
		}
	case kind == markerAbort && known:
		o.ended[id] = append(o.ended[id], abortedRange{first, b.LastOffset()})
		o.count++
		delete(o.open, id)
	case kind == markerCommit:
		delete(o.open, id)
	}
}

// The types of markers; other control records exist.
const (
	markerNone   int16 = -1
	markerAbort  int16 = 0
	markerCommit int16 = 1
)

// markerOf returns what a control batch says: version int16 and type int16 are the key of its record.
func markerOf(b batch.Batch) int16 {
	kind := markerNone
	if !b.IsControl() {
		return kind
	}
	_ = b.Entries(func(e batch.Entry) bool { // one that cannot be read is none
		if len(e.Key) >= 4 {
			kind = int16(binary.BigEndian.Uint16(e.Key[2:]))
		}
		return false
	})
	return kind
}

// beginResolving looks for the outcome of the transactions from the batch in c.held on. It goes on beyond the
// end of the pass until those are decided that begin before it.
func (c *Compaction) beginResolving() error {
	c.outcomes = &outcomes{open: map[int64]protocol.Offset{}, ended: map[int64][]abortedRange{}}
	at, reader, read := c.at, batchReader{}, c.mapped-int64(len(c.held))
	c.run = func() error {
		b, err := c.nextBatch(&reader, &at, c.held.BaseOffset())
		if err == nil && !c.outcomes.full() {
			if c.takenUp(b, read) {
				c.end = min(c.end, b.BaseOffset())
			}
			wanted := b.BaseOffset() < c.end
			if b.BaseOffset() < c.to && (wanted || len(c.outcomes.open) > 0) {
				if b.LastOffset() >= c.held.BaseOffset() {
					c.outcomes.take(b, wanted)
					read += int64(len(b))
				}
				return nil
			}
		}
		reader.close()
		if err != nil && err != io.EOF {
			return err
		}
		if err == nil && c.outcomes.full() {
			c.end = min(c.end, b.BaseOffset())
		}
		c.end = c.outcomes.firstOpen(c.end)
		c.run = c.mapKeys
		return nil
	}
	return nil
}
