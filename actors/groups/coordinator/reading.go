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
	pass   pass
	found  map[string]*consumers.State
	open   map[int64]map[*consumers.State]bool // what each producer's transaction concerns
	broken int                                 // values that could not be read
}

// read begins a pass over the log up to its present end.
func (a *Actor) read(c *kit.Context, only map[string]bool) {
	view := a.options.Replica.View()
	a.reading = &reading{
		only: only, next: view.Start(), end: view.End(), begun: c.Now(), found: map[string]*consumers.State{},
		open: map[int64]map[*consumers.State]bool{},
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
	a.markers.from(r.end)
	a.markers.watched = false
	for id, state := range kit.InOrder(r.found) {
		if !state.Empty() {
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
	a.follow(c)
}

// piece reads some batches.
func (r *reading) piece(view *partitionlog.View) (err error) {
	r.next, err = r.pass.piece(view, r.next, r.end, r.batch)
	return err
}

// pass reads batches of a log.
type pass struct{ buffer []byte }

// piece visits some batches from an offset on, if it is before the end, and returns where to go on.
func (p *pass) piece(view *partitionlog.View, next, end protocol.Offset, visit func(batch.Batch) error,
) (protocol.Offset, error) {
	next = max(next, view.Start())
	if next >= end {
		return next, nil
	}
	region, err := view.Read(next, readBytes, true)
	if err != nil {
		return next, err
	}
	defer region.Release()
	if cap(p.buffer) < int(region.Length) {
		p.buffer = make([]byte, region.Length)
	}
	data := p.buffer[:region.Length]
	if n, err := region.ReadAt(data, 0); err != nil && (err != io.EOF || n < len(data)) {
		return next, err
	}
	for len(data) >= batch.HeaderSize {
		b := batch.Batch(data)
		size := b.Size()
		if size > len(data) {
			break
		}
		if err := visit(b[:size]); err != nil {
			return next, err
		}
		next = b.NextOffset()
		data = data[size:]
	}
	return next, nil
}

// batch takes over the records of one batch. Those of a transaction are pending until its marker.
func (r *reading) batch(b batch.Batch) error {
	if b.IsControl() {
		if commit, ends := b.Ends(); ends {
			r.ended(b.ProducerID(), int64(b.BaseOffset()), commit)
		}
		return nil
	}
	return b.Records(func(record batch.Record) bool {
		switch key := records.Key(record.Key).(type) {
		case records.OffsetKey:
			r.offset(b, key, record.Value)
		case records.GroupKey:
			if state := r.state(key.Group); state != nil {
				state.Record = bytes.Clone(record.Value)
			}
		case records.ModernKey:
			r.modern(key, record.Value)
		}
		return true
	})
}

// ended brings the transaction of a producer to its end in all groups.
func (r *reading) ended(producer, at int64, commit bool) {
	for state := range r.open[producer] {
		state.Pending.End(producer, at, commit, &state.Offsets)
	}
	delete(r.open, producer)
}

func (r *reading) offset(b batch.Batch, key records.OffsetKey, value []byte) {
	state := r.state(key.Group)
	if state == nil {
		return
	}
	at := offsets.Place{Topic: key.Topic, Partition: key.Partition}
	if value == nil {
		state.Offsets.Remove(at)
		state.Pending.Remove(at)
		return
	}
	o, err := records.ReadOffset(value)
	if err != nil {
		r.broken++
		return
	}
	o.At = int64(b.BaseOffset())
	if !b.IsTransactional() {
		state.Offsets.Put(at, o)
		return
	}
	producer := b.ProducerID()
	state.Pending.Put(producer, at, o)
	if r.open[producer] == nil {
		r.open[producer] = map[*consumers.State]bool{}
	}
	r.open[producer][state] = true
}

// modern takes over a record of a group of the newer protocol.
func (r *reading) modern(key records.ModernKey, value []byte) {
	state := r.state(key.Group)
	switch {
	case state == nil:
	case value == nil:
		delete(state.Modern, key)
	case state.Modern == nil:
		state.Modern = map[records.ModernKey][]byte{key: bytes.Clone(value)}
	default:
		state.Modern[key] = bytes.Clone(value)
	}
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
