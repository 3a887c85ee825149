package coordinator

import (
	"bytes"
	"io"
	"time"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/kit"
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
	only   map[string]bool // the groups that count; nil: all
	next   protocol.Offset
	end    protocol.Offset
	begun  time.Time
	buffer []byte
	found  map[string]*consumers.State
	broken int // values that could not be read
}

// read begins a pass over the log up to its present end.
func (a *Actor) read(c *kit.Context, only map[string]bool) {
	view := a.options.Replica.View()
	a.reading = &reading{
		only: only, next: view.Start(), end: view.End(), begun: c.Now(), found: map[string]*consumers.State{},
	}
	c.Self().Tell(readOn{})
}

// onReadOn reads the next piece, or builds the groups after the last one.
func (a *Actor) onReadOn(c *kit.Context) {
	r := a.reading
	if r == nil {
		return
	}
	if r.next < r.end {
		err := r.piece(a.options.Replica.View())
		if err != nil {
			c.Log().Error().Err(err).Int64("offset", int64(r.next)).
				Msg("the log of groups cannot be read; trying again")
			c.After(readAgain, readOn{})
			return
		}
		c.Self().Tell(readOn{})
		return
	}
	a.reading = nil
	if r.broken > 0 {
		c.Log().Error().Int("records", r.broken).Msg("records of groups are not understood and left out")
	}
	for id, state := range r.found {
		if state.Record != nil || state.Offsets.Len() > 0 {
			a.spawn(c, id, *state)
		}
	}
	for id := range r.only {
		delete(a.healing, id)
	}
	if r.only == nil {
		a.whole = true
		event := c.Log().Debug()
		if len(a.groups) > 0 {
			event = c.Log().Info()
		}
		event.Int("groups", len(a.groups)).Dur("took", c.Now().Sub(r.begun)).Msg("coordinating groups")
	}
	a.maybeHeal(c)
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

// batch takes over the records of one batch. Markers of transactions are no records of groups.
func (r *reading) batch(b batch.Batch) error {
	if b.IsControl() {
		return nil
	}
	return b.Records(func(record batch.Record) bool {
		switch key := records.Key(record.Key).(type) {
		case records.OffsetKey:
			r.offset(key, record.Value)
		case records.GroupKey:
			if state := r.state(key.Group); state != nil {
				state.Record = bytes.Clone(record.Value)
			}
		}
		return true
	})
}

func (r *reading) offset(key records.OffsetKey, value []byte) {
	state := r.state(key.Group)
	if state == nil {
		return
	}
	at := offsets.Place{Topic: key.Topic, Partition: key.Partition}
	if value == nil {
		state.Offsets.Remove(at)
		return
	}
	o, err := records.ReadOffset(value)
	if err != nil {
		r.broken++
		return
	}
	state.Offsets.Put(at, o)
}

// state returns what is known of a group, nil if it does not count.
func (r *reading) state(group string) *consumers.State {
	if r.only != nil && !r.only[group] {
		return nil
	}
	state := r.found[group]
	if state == nil {
		state = &consumers.State{}
		r.found[group] = state
	}
	return state
}
