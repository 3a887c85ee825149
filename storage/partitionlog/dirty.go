package partitionlog

import (
	"math"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Dirt is how much a log has to gain from a compaction.
type Dirt struct {
	// Ratio is the share of the bytes that were never looked at in all that could be compacted.
	Ratio float64
	// Bytes is how many were never looked at.
	Bytes int64
	// Due tells whether the log's configuration wants a compaction: the ratio is reached, a record would get
	// older than max.compaction.lag.ms, or a pass was interrupted: what it has cleaned makes the ratio smaller,
	// but not its end.
	Due bool
}

// Dirt tells how much there is to compact at a time (milliseconds since the epoch). It may be called from any
// goroutine.
func (l *Log) Dirt(now int64) Dirt {
	l.mu.Lock()
	c, v, from, to := l.config, l.View(), l.firstDirty(), l.cleanable(now)
	interrupted := l.files.reached().pass.end > from
	l.mu.Unlock()
	var d Dirt
	clean, first := int64(0), -1
	for i := range v.segments {
		sp := v.span(i)
		switch {
		case sp.active || sp.base >= to:
		case sp.end <= from:
			clean += sp.size
		default:
			d.Bytes += sp.size
			if first < 0 {
				first = i
			}
		}
	}
	if !c.Compact || d.Bytes == 0 {
		return d
	}
	d.Ratio = float64(d.Bytes) / float64(clean+d.Bytes)
	d.Due = d.Ratio >= c.MinCleanableRatio || interrupted
	if !d.Due && c.MaxCompactionLagMs < math.MaxInt64 {
		if oldest, ok := v.span(first).firstTimestamp(); ok {
			d.Due = now-oldest > c.MaxCompactionLagMs
		}
	}
	return d
}

// firstDirty returns the offset up to which all keys have been looked at.
func (l *Log) firstDirty() protocol.Offset {
	return max(l.files.reached().compacted, l.segments[0].base)
}

// cleanable returns the base of the first segment that must stay as it is: the one that was active at the
// last checkpoint, or the first with a record that is younger than min.compaction.lag.ms.
func (l *Log) cleanable(now int64) protocol.Offset {
	for _, s := range l.segments {
		info := s.info.Load()
		if s.base >= l.checkpointed || info == nil {
			return s.base
		}
		young := !info.known || now-info.maxTimestamp < l.config.MinCompactionLagMs
		if l.config.MinCompactionLagMs > 0 && young {
			return s.base
		}
	}
	return l.checkpointed
}

// firstTimestamp returns the largest timestamp of the segment's first batch that has one.
func (sp span) firstTimestamp() (int64, bool) {
	h, err := sp.acquire()
	if err != nil {
		return 0, false
	}
	defer h.release()
	r := sp.scan(h.file, batch.HeaderSize)
	defer r.close()
	for at := SegmentPosition(0); at < sp.size; {
		head, err := sp.header(&r, at, protocol.NoOffset)
		if err != nil {
			return 0, false
		}
		if head.MaxTimestamp >= 0 {
			return head.MaxTimestamp, true
		}
		at += SegmentPosition(head.Size)
	}
	return 0, false
}
