package partitionlog

import (
	"errors"
	"fmt"
	"io"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Compaction removes the records of a log that a later record of the same key supersedes, as Kafka's log
// cleaner does. It belongs to one goroutine, which moves it on step by step while the owner of the log goes
// on; only the exchange of segments takes place between two calls of the owner.
//
//	                 first dirty            cleanable
//	|~~~ segments ~~~|~~~~~ dirty ~~~~~|~~~~~~~~~~~~~~~|
//	1. resolve        ~~~~~~~~~~~~~~~~~  which transactions were aborted; only if there are any
//	2. map            ~~~~~~~~~~~~~       last offset of each key, until the map is full
//	3. clean ~~~~~~~~~~~~~~~~~~~~~         write what is left of the segments, a group of neighbours into one
//	4. exchange                           one new segment for each group, when it is written
//
// If the map was full before the end, the next pass begins where it ended, so memory does not depend on how
// many keys there are. A pass that is interrupted goes on where it was, see compaction_pass.go.
//
// What is left out leaves no gap: a batch without records (batch.Filler) takes the offsets of all that went
// between two batches that stay, within one leader epoch. That is 61 bytes, and so the chain of offsets still
// proves that nothing is missing, for readers of the files and for replicas that copy them. A batch that
// keeps any of its records keeps its whole range of offsets, and one that is the last of a producer that is
// still known stays at least as an empty one, with its sequence numbers.
type Compaction struct {
	log      *Log
	now      int64
	maxBytes int64 // of the map
	run      func() error
	moved    int64 // bytes read and written in this step
	done     bool

	view      *View
	config    Config
	producers *Producers
	from, to  protocol.Offset // what is dirty
	dirty     int64           // bytes of the segments that it lies in
	end       protocol.Offset // what this pass has in its map ends here
	pass      pass            // as it was on record when the pass began or went on
	spans     []span          // closed segments that lie below to
	keys      *keyMap
	mapped    int64     // bytes of the dirty part that were read for the map
	outcomes  *outcomes // nil while no transaction was met
	reader    batchReader
	at        int // number of the span that reader reads, or of the first that is not in a group yet
	held      batch.Batch
	keep      []bool
	ongoing   map[int64]struct{} // producers with records of a transaction whose marker has not come yet
	ended     map[int64]struct{} // producers of which a marker has come
	group     *cleaning          // nil between two groups
	unnoted   int64              // bytes of groups behind us of which chronik-compaction does not say so

	// Read, Written, Removed and Passes count what was done: bytes, bytes, records, passes over the log.
	Read, Written, Removed int64
	Passes                 int
}

// ErrNothingToCompact is returned by Compact for a log that has nothing that could be compacted.
var ErrNothingToCompact = errors.New("nothing to compact")

// Compact begins a compaction at a time (milliseconds since the epoch), whether the log's configuration asks
// for one or not. keyBytes bounds the memory for keys. A log has one compaction at a time, also across
// several Logs on its directory.
func (l *Log) Compact(now, keyBytes int64) (*Compaction, error) {
	c := &Compaction{log: l, now: now, maxBytes: keyBytes}
	if err := c.begin(); err != nil {
		return nil, err
	}
	return c, nil
}

// Step goes on until about so many bytes have been read or written and returns how many it were. The
// compaction is over when it returns true or an error; then it holds no file any more. ErrClosed and
// ErrOffsetOutOfRange mean that the log or its segments went away meanwhile, a *CorruptError that a batch is
// damaged; the log is what it was.
func (c *Compaction) Step(bytes int64) (moved int64, done bool, err error) {
	c.moved = 0
	for !c.done && c.moved < bytes && err == nil {
		err = c.run()
	}
	if err != nil {
		c.Close()
		if !c.log.files.owner() {
			err = ErrClosed // what it stumbled over is the work of a later Log
		}
		err = fmt.Errorf("compact %s: %w", c.log.files.dir, err)
	}
	return c.moved, c.done, err
}

// Close gives up what is under way. What is exchanged stays.
func (c *Compaction) Close() {
	c.done = true
	c.reader.close()
	if c.group != nil {
		c.group.abandon()
		c.group = nil
	}
	c.keys = nil
}

// nextBatch returns the next batch of the spans from number at on, in offset order; io.EOF after the last. In
// each span it may leave out batches that end before an offset.
func (c *Compaction) nextBatch(r *batchReader, at *int, from protocol.Offset) (batch.Batch, error) {
	for {
		if r.open() {
			b, err := r.next()
			if err != io.EOF {
				c.moved += int64(len(b))
				c.Read += int64(len(b))
				return b, err
			}
			r.close()
			*at++
		}
		if *at >= len(c.spans) {
			return nil, io.EOF
		}
		if err := r.begin(c.spans[*at], from); err != nil {
			return nil, err
		}
	}
}

// mapKeys takes one batch of the dirty part into the map.
func (c *Compaction) mapKeys() error {
	b := c.held
	c.held = nil
	if b == nil {
		for c.at < len(c.spans) && c.spans[c.at].end <= c.from {
			c.at++
		}
		var err error
		if b, err = c.nextBatch(&c.reader, &c.at, c.from); err == io.EOF {
			return c.beginCleaning()
		} else if err != nil {
			return err
		}
		if c.takenUp(b, c.mapped) {
			c.end = min(c.end, b.BaseOffset())
		}
		c.mapped += int64(len(b))
	}
	switch {
	case b.BaseOffset() >= c.end:
		return c.beginCleaning()
	case b.LastOffset() < c.from || b.IsControl():
		return nil
	case b.IsTransactional():
		if c.outcomes == nil {
			c.held = b
			return c.beginResolving()
		}
		if c.outcomes.aborted(b) {
			return nil
		}
	}
	return b.Entries(func(e batch.Entry) bool {
		if e.Key == nil || e.Offset < c.from || e.Offset >= c.end {
			return true
		}
		if !c.keys.put(e.Key, e.Offset) {
			c.end = e.Offset
			return false
		}
		return true
	})
}

// takenUp tells whether a pass that has read so many bytes takes up no more, but ends before a batch.
func (c *Compaction) takenUp(b batch.Batch, read int64) bool {
	return c.pass.limit > 0 && read >= c.pass.limit && b.BaseOffset() > c.from
}

// beginCleaning goes over to writing.
func (c *Compaction) beginCleaning() error {
	c.reader.close()
	if c.end <= c.from {
		return c.finish() // a transaction that is not decided begins here
	}
	if c.outcomes == nil {
		c.outcomes = &outcomes{}
	}
	c.skipCleaned()
	c.run = c.clean
	return nil
}
