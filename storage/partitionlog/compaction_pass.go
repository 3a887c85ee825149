package partitionlog

import (
	"errors"

	"github.com/chronik-go/chronik/protocol"
)

// A pass survives the process that began it. chronik-compaction says from which keys to which it goes and up
// to where it has cleaned; who goes on reads the keys again and cleans what is left.
//
//	                 compacted                      end
//	|~~~~~~~~~~~~~~~~~~~~|~~~~~~~~~~~~~~~~~~~~~~~~~~~|
//	 ~~~~~~~~~~~~~~~~~                                  cleaned: the segments there are done with
//	                      ~~~~~~~~~~~~~~~~~~~~~~~~~~~   keys to read again, less what is already removed
//
// It may go on with an earlier end, if so many keys do not fit or are not decided yet: what is cleaned is
// right for fewer keys too. It may not go on with a later one.
//
// What a kill costs is the keys that are read again and the group of segments under way. Somebody who is
// killed again and again before he gets so far takes half as many dirty bytes each time, until there is time
// to clean a group; a pass that nothing interrupts allows the next one twice as many. So a log is compacted
// however short the time between two kills is, as long as one group can be read and written in it.

// leastPassBytes is the least that a pass takes up, unless segments are smaller.
const leastPassBytes = 1 << 20

// notedEvery is how many bytes of segments that stay what they are lie between two notes of where a pass is.
// One that exchanges segments notes that with each of them, one that was interrupted early more often.
const notedEvery = 16 << 20

// begin starts a pass, or goes on with one that was interrupted.
func (c *Compaction) begin() error {
	if err := c.lookAround(); err != nil {
		return err
	}
	c.outcomes, c.at, c.mapped, c.unnoted = nil, 0, 0, 0
	if c.keys == nil {
		c.keys = newKeyMap(int64(c.to-c.from), c.maxBytes)
	} else {
		c.keys.clear()
	}
	c.ongoing, c.ended = map[int64]struct{}{}, map[int64]struct{}{}
	c.Passes++
	c.run = c.mapKeys
	return c.announce()
}

// lookAround notes what the log is now and what there is to do.
func (c *Compaction) lookAround() error {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	c.view, c.config, c.producers = l.View(), l.config, l.producers.Clone()
	c.from, c.to = l.firstDirty(), l.cleanable(c.now)
	c.to = min(c.to, c.producers.firstOpen(c.to))
	if l.producersEnd < l.end || c.from >= c.to {
		return ErrNothingToCompact
	}
	c.spans, c.dirty = c.spans[:0], 0
	for i := range c.view.segments {
		sp := c.view.span(i)
		if sp.active || sp.base >= c.to {
			break
		}
		c.spans = append(c.spans, sp)
		if sp.end > c.from {
			c.dirty += sp.size
		}
	}
	return nil
}

// firstOpen returns the first offset of the oldest open transaction, or the given offset if there is none.
func (t *Producers) firstOpen(none protocol.Offset) protocol.Offset {
	if len(t.open) == 0 {
		return none
	}
	return min(none, t.open[0].first)
}

// announce decides how much the pass takes up and puts on record that it begins. No exchange may be on record
// when files of new segments are written: a crash would take them for those that it names.
func (c *Compaction) announce() error {
	f := c.log.files
	flushing := f.flushing()
	flushing.Lock()
	defer flushing.Unlock()
	p := f.reached()
	c.pass = p.pass
	if c.pass.end <= c.from {
		c.pass.end, c.pass.cleaned = 0, 0
	}
	c.end = c.to
	if c.pass.end > 0 {
		c.end = min(c.to, c.pass.end)
	}
	if c.pass.begun {
		taken := c.dirty
		if c.pass.limit > 0 {
			taken = min(taken, c.pass.limit)
		}
		c.pass.limit = max(taken/2, min(leastPassBytes, c.config.SegmentBytes))
	}
	c.pass.begun = true
	if err := c.note(progress{compacted: p.compacted, pass: c.pass}); err != nil {
		return err
	}
	f.exchanged = false
	return nil
}

// note puts on record how far compaction has come.
func (c *Compaction) note(p progress) error {
	if err := c.record(p); err != nil {
		return err
	}
	c.log.files.noteReached(p)
	return nil
}

// noteSoon is note, durable like recordSoon.
func (c *Compaction) noteSoon(p progress) error {
	if err := c.recordSoon(p); err != nil {
		return err
	}
	c.log.files.noteReached(p)
	return nil
}

// here returns what to put on record when segments below an offset are cleaned.
func (c *Compaction) here(cleaned protocol.Offset) progress {
	p := c.log.files.reached()
	p.pass = pass{limit: c.pass.limit, end: c.end, cleaned: max(c.pass.cleaned, cleaned)}
	return p
}

// skipCleaned sets out where the pass was interrupted.
func (c *Compaction) skipCleaned() {
	c.at = 0
	for c.at < len(c.spans) && c.spans[c.at].end <= c.pass.cleaned {
		c.at++
	}
}

// noteEvery returns how many bytes of segments should be read between two notes.
func (c *Compaction) noteEvery() int64 {
	if c.pass.limit > 0 {
		return min(notedEvery, c.pass.limit/2)
	}
	return notedEvery
}

// passed notes that a group of segments stays what it is.
func (c *Compaction) passed(g *cleaning) error {
	if c.unnoted += g.size; c.unnoted < c.noteEvery() {
		return nil
	}
	c.unnoted = 0
	return c.note(c.here(g.end))
}

// finish ends a pass. The next one begins where it has ended, unless that is all there was.
func (c *Compaction) finish() error {
	p := c.log.files.reached()
	p.pass = pass{limit: c.pass.limit}
	if c.end > c.from {
		p.compacted = c.end
		if c.pass.cleaned == 0 {
			p.pass.limit *= 2
		}
		if p.pass.limit >= c.dirty {
			p.pass.limit = 0
		}
	}
	if err := c.note(p); err != nil {
		return err
	}
	if c.end <= c.from || c.end >= c.to {
		c.done = true
		return nil
	}
	if err := c.begin(); !errors.Is(err, ErrNothingToCompact) {
		return err
	}
	c.done = true
	return nil
}
