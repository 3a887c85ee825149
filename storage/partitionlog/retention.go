package partitionlog

import (
	"fmt"

	"github.com/chronik-go/chronik/protocol"
)

// AdvanceStart raises the log start offset (retention, DeleteRecords). Segments that lie below it whole leave
// the view at once; their files stay until a checkpoint no longer needs them. An offset at or below the
// current start changes nothing; one above the end is ErrOffsetOutOfRange.
func (l *Log) AdvanceStart(start protocol.Offset) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.advanceStart(start)
}

func (l *Log) advanceStart(start protocol.Offset) error {
	if err := l.usable(); err != nil {
		return err
	}
	if start > l.end {
		return fmt.Errorf("advance the log start to %d, beyond the end %d: %w", start, l.end, ErrOffsetOutOfRange)
	}
	if start <= l.start {
		return nil
	}
	if start == l.end && l.active.size > 0 && l.replay.over(l) && l.placer.suspend() {
		defer l.placer.resume()
		if err := l.load(); err != nil {
			return l.files.fail(err)
		}
		if err := l.roll(); err != nil {
			return l.files.fail(err)
		}
	}
	l.start = start
	l.epochs = l.epochs.from(start)
	l.retire()
	l.publish()
	return nil
}

// retire takes the segments that lie below the log start out of the log.
func (l *Log) retire() {
	n := 0
	for n+1 < len(l.segments) && l.segments[n+1].base <= l.start {
		l.sealed -= l.segments[n].info.Load().size
		n++
	}
	if n == 0 {
		return
	}
	l.retired = append(l.retired, l.segments[:n]...)
	l.segments = l.segments[n:len(l.segments):len(l.segments)]
	// Nothing of a later checkpoint needs what was not synced of them.
	for len(l.unsynced) > 0 && l.unsynced[0].base < l.segments[0].base {
		l.unsynced = l.unsynced[1:]
	}
}

// Expired returns the log start offset that retention asks for at a time (milliseconds since the epoch), and
// false if nothing is due. As in Kafka a segment goes when all of its records are older than RetentionMs, or
// when the log without it still has RetentionBytes; segments go oldest first, and the active one too.
// Segments without timestamps go by the time of their file.
func (v *View) Expired(now int64, c Config) (newStart protocol.Offset, ok bool) {
	newStart = v.start
	excess := v.Size() - c.RetentionBytes
	for i := range v.segments {
		sp := v.span(i)
		if sp.size == 0 || sp.end > v.end {
			break
		}
		tooMuch := c.RetentionBytes >= 0 && excess >= sp.size
		if !tooMuch && !sp.olderThan(now, c.RetentionMs) {
			break
		}
		excess -= sp.size
		newStart = sp.end
	}
	return newStart, newStart > v.start
}

// olderThan tells whether all records are from more than retention milliseconds before now. What cannot be
// read is kept.
func (sp *span) olderThan(now, retention int64) bool {
	if retention < 0 {
		return false
	}
	info, err := sp.summary()
	if err != nil {
		return false
	}
	youngest := info.maxTimestamp
	if youngest < 0 {
		file, err := sp.files.fs.Stat(sp.Name())
		if err != nil {
			return false
		}
		youngest = file.ModTime.UnixMilli()
	}
	return now-youngest > retention
}
