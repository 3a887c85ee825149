package walactor

import (
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// loadBytes is how much a turn reads back: about a millisecond out of the page cache.
const loadBytes = 2 << 20

// loads are the Loads under way, read one after the other, piece by piece.
type loads struct {
	open []loading
	left int64 // of what this turn may read
	told bool  // readOn is in the mailbox
}

// loading is one of them. Its reading is nil for a group that the log does not know.
type loading struct {
	Load
	reading *wal.Reading
}

// readOn has the next turn read on.
type readOn struct{}

// begin begins a turn.
func (l *loads) begin() { l.left = loadBytes }

// add reads a group, now or when those before it have been read.
func (l *loads) add(m Load, reading *wal.Reading) {
	l.open = append(l.open, loading{m, reading})
	l.read()
}

func (l *loads) readOn() {
	l.told = false
	l.read()
}

// read goes on until all is read or the turn has read its part.
func (l *loads) read() {
	for len(l.open) > 0 && l.left > 0 {
		one := &l.open[0]
		if one.reading == nil {
			one.ReplyTo.Tell(Loaded{Group: one.Group, Token: one.Token})
			l.drop()
			continue
		}
		n, err := one.reading.Next(l.left)
		l.left -= n
		switch {
		case err != nil:
			one.ReplyTo.Tell(Loaded{Group: one.Group, Found: true, Err: err, Token: one.Token})
		case !one.reading.Done():
			return
		default:
			state := one.reading.State()
			one.ReplyTo.Tell(Loaded{Group: one.Group, State: state, Found: true, Token: one.Token})
		}
		one.reading.Close()
		l.drop()
	}
}

// drop forgets the first.
func (l *loads) drop() {
	l.open[0] = loading{} // its state is large
	l.open = l.open[1:]
}

// end ends a turn. What is left to read waits behind those who have come meanwhile.
func (l *loads) end(c *kit.Context) {
	if len(l.open) > 0 && !l.told {
		l.told = true
		c.Self().Tell(readOn{})
	}
}

// refuse answers those that wait when the actor ends. What it was handling when it failed has been refused.
func (l *loads) refuse(failed any) {
	var refused []any
	if b, batched := failed.(kit.Batch); batched {
		refused = b.Messages
	}
	for _, one := range l.open {
		if !slices.Contains(refused, any(one.Load)) {
			one.Refuse(kit.ErrStopped)
		}
	}
	l.open = nil
}
