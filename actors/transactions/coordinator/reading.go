package coordinator

import (
	"bytes"
	"io"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/transactions/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// readBytes is how much of the log is read in one turn. readAgain is the wait after the disk has failed.
const (
	readBytes = 1 << 20
	readAgain = time.Second
)

// reading is a pass over the log. It knows no actor.
type reading struct {
	next   protocol.Offset
	end    protocol.Offset
	begun  time.Time
	buffer []byte
	found  map[string][]byte // the newest value of each id
}

// read begins a pass over the log up to its present end.
func (a *Actor) read(c *kit.Context) {
	view := a.options.Replica.View()
	a.reading = &reading{next: view.Start(), end: view.End(), begun: c.Now(), found: map[string][]byte{}}
	c.Self().Tell(readOn{})
}

// onReadOn reads the next piece, or begins to coordinate after the last one.
func (a *Actor) onReadOn(c *kit.Context) {
	r := a.reading
	if r == nil {
		return
	}
	if r.next >= r.end {
		a.load(c, r)
		return
	}
	if err := r.piece(a.options.Replica.View()); err != nil {
		c.Log().Error().Err(err).Int64("offset", int64(r.next)).
			Msg("the log of transactions cannot be read; trying again")
		c.After(readAgain, readOn{})
		return
	}
	c.Self().Tell(readOn{})
}

// load takes over what was read. A value that cannot be read is reported and left out: what it decided is
// lost, and an operator has to end the transaction.
func (a *Actor) load(c *kit.Context, r *reading) {
	a.reading = nil
	for id, value := range kit.InOrder(r.found) {
		record, err := records.Read(value)
		if err != nil {
			c.Log().Error().Err(err).Str("id", id).Msg("record of a transactional id is not understood and left out")
			continue
		}
		a.core.load(id, &record)
	}
	event := c.Log().Debug()
	if len(r.found) > 0 {
		event = c.Log().Info()
	}
	event.Int("ids", len(r.found)).Dur("took", c.Now().Sub(r.begun)).Msg("coordinating transactions")
	a.core.resume(c.Now())
}

// piece reads some batches.
func (r *reading) piece(view *partitionlog.View) error {
	r.next = max(r.next, view.Start())
	if r.next >= r.end {
		return nil
	}
	region, err := view.Read(r.next, readBytes, true)
	if err != nil {
		return err
	}
	defer region.Release()
	if cap(r.buffer) < int(region.Length) {
		r.buffer = make([]byte, region.Length)
	}
	data := r.buffer[:region.Length]
	if n, err := region.ReadAt(data, 0); err != nil && (err != io.EOF || n < len(data)) {
		return err
	}
	for len(data) >= batch.HeaderSize {
		b := batch.Batch(data)
		size := b.Size()
		if size > len(data) {
			return nil
		}
		if err := r.batch(b[:size]); err != nil {
			return err
		}
		r.next = b.NextOffset()
		data = data[size:]
	}
	return nil
}

func (r *reading) batch(b batch.Batch) error {
	if b.IsControl() {
		return nil
	}
	return b.Records(func(record batch.Record) bool {
		id, is := records.Key(record.Key)
		switch {
		case !is:
		case record.Value == nil:
			delete(r.found, id)
		default:
			r.found[id] = bytes.Clone(record.Value)
		}
		return true
	})
}
