package consumers

import (
	"time"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// commit stores offsets. Each partition has its own outcome.
func (c *core) commit(now time.Time, r Commit, t classic.Ticket) {
	if code := c.checkCommit(now, r); code != protocol.None {
		c.answer(t, code, nil)
		return
	}
	what := change{ticket: t, codes: make([]protocol.Code, len(r.Items)), in: r.Transaction}
	var list []batch.Record
	for i := range r.Items {
		item := &r.Items[i]
		if len(item.Metadata) > c.settings.MaxMetadataBytes {
			what.codes[i] = protocol.OffsetMetadataTooLarge
			continue
		}
		if what.codes[i] = c.late(&r, item); what.codes[i] != protocol.None {
			continue
		}
		stored := item.Offset
		stored.Committed, stored.Expires = now.UnixMilli(), -1
		if item.Retention >= 0 {
			stored.Expires = now.Add(item.Retention).UnixMilli()
		}
		what.puts = append(what.puts, put{item.Place, stored, i})
		list = append(list, records.OffsetRecord(c.key(item.Place), &stored))
	}
	if len(list) == 0 {
		c.answer(t, protocol.None, what.codes)
		return
	}
	c.give(what, list)
}

func (c *core) key(at offsets.Place) records.OffsetKey {
	return records.OffsetKey{Group: c.id, Topic: at.Topic, Partition: at.Partition}
}

// fetch reads offsets. All are those that are committed, whatever transactions are about to add.
func (c *core) fetch(r Fetch) []Fetched {
	places := r.Places
	if r.All {
		places = c.offsets.Places(nil)
	}
	found := make([]Fetched, len(places))
	for i, at := range places {
		o, known := c.offsets.Get(at)
		unstable := r.Stable && c.pending.Has(at)
		if !known || unstable {
			o = records.Offset{Offset: -1, LeaderEpoch: -1}
		}
		found[i] = Fetched{Place: at, Offset: o}
		if unstable {
			found[i].Code = protocol.UnstableOffsetCommit
		}
	}
	return found
}

// endTransaction makes the offsets of a transaction count, or forgets them.
func (c *core) endTransaction(m EndTransaction) {
	c.pending.End(m.ProducerID, m.Offset, m.Commit, &c.offsets)
}

// deleteOffsets removes offsets (KIP-496). While the group has members those of consumers tell by their
// subscriptions what they need; with any other protocol nothing may go.
func (c *core) deleteOffsets(r DeleteOffsets, t classic.Ticket) {
	empty := c.empty()
	if !empty && c.newer.group == nil && c.classic.ProtocolType() != classic.ConsumerType {
		c.answer(t, protocol.NonEmptyGroup, nil)
		return
	}
	what := change{ticket: t, codes: make([]protocol.Code, len(r.Places))}
	for i, at := range r.Places {
		if !empty && c.subscribesTo(at.Topic) {
			what.codes[i] = protocol.GroupSubscribedToTopic
			continue
		}
		if _, known := c.offsets.Get(at); known || c.pending.Has(at) {
			what.removes = append(what.removes, at)
		}
	}
	if len(what.removes) == 0 {
		c.answer(t, protocol.None, what.codes)
		return
	}
	c.give(what, c.tombstones(what.removes))
}

func (c *core) tombstones(places []offsets.Place) []batch.Record {
	list := make([]batch.Record, 0, len(places)+1)
	for _, at := range places {
		list = append(list, records.OffsetRecord(c.key(at), nil))
	}
	return list
}

// remove removes the whole group, if nobody is in it.
func (c *core) remove(now time.Time, t classic.Ticket) {
	switch {
	case !c.empty():
		c.answer(t, protocol.NonEmptyGroup, nil)
	case c.newer.group != nil:
		c.endNewer(t)
	default:
		c.end(t)
	}
}

// end writes the end of the group: everything that the log has, or is about to have, of it.
func (c *core) end(t classic.Ticket) {
	c.ending = true
	places := c.places(func(offsets.Place) bool { return true })
	list := append(c.tombstones(places), records.GroupRecord(c.id, nil))
	c.give(change{ticket: t, removes: places, ends: true, plain: true}, list)
}

// places returns where offsets are, or will be when open writes are committed or transactions are. What is
// removed has to cover them too, since a tombstone that is written now stands behind them in the log.
func (c *core) places(keep func(offsets.Place) bool) []offsets.Place {
	found := c.offsets.Places(func(at offsets.Place, _ records.Offset) bool { return keep(at) })
	found = append(found, c.pending.Places(keep)...)
	for _, what := range c.open {
		for _, one := range what.puts {
			if keep(one.at) {
				found = append(found, one.at)
			}
		}
	}
	return offsets.Distinct(found)
}

// forget removes the offsets of topics that are gone.
func (c *core) forget(topics []string) {
	gone := map[string]bool{}
	for _, topic := range topics {
		gone[topic] = true
	}
	places := c.places(func(at offsets.Place) bool { return gone[at.Topic] })
	if len(places) > 0 && !c.ending {
		c.give(change{removes: places, plain: true}, c.tombstones(places))
	}
}

// expire removes the offsets that have been kept for long enough (KIP-211), and with the last of them a
// group that nobody is in.
//
//	group                     offsets count from
//	without members           when its last member left
//	consumers, stable         when they were committed, if no member reads the topic
//	with members, otherwise   they are kept
//	keeps offsets only        when they were committed
//	newer protocol            when they were committed, if no member reads the topic
//
// What a transaction is about to change is kept, and so is the group.
func (c *core) expire(now time.Time) {
	if c.ended() || len(c.open) > 0 {
		return // the next look is soon enough
	}
	expired := c.offsets.Places(func(at offsets.Place, o records.Offset) bool {
		base, counts := c.countsFrom(at, o)
		return counts && !c.pending.Has(at) && offsets.Expired(o, base, now, c.settings.Retention)
	})
	last := len(expired) == c.offsets.Len() && c.pending.Len() == 0
	if last && c.newer.group != nil && c.empty() {
		c.endNewer(0)
		c.collect()
		c.write(now, len(c.answers))
		return
	}
	if last && c.newer.group == nil && c.classic.State() == classic.Empty && c.classic.Vacant() {
		if c.offsets.Len() > 0 || c.classic.Recorded() {
			c.end(0)
		}
		return
	}
	if len(expired) > 0 {
		c.give(change{removes: expired, plain: true}, c.tombstones(expired))
	}
}

func (c *core) countsFrom(at offsets.Place, o records.Offset) (base time.Time, counts bool) {
	committed := time.UnixMilli(o.Committed)
	switch {
	case c.newer.group != nil:
		return committed, !c.newer.group.SubscribesTo(at.Topic)
	case c.classic.ProtocolType() == "":
		return committed, true
	case c.classic.State() == classic.Empty:
		return c.classic.Since(), true
	case c.classic.State() == classic.Stable && c.classic.ProtocolType() == classic.ConsumerType:
		return committed, c.classic.Subscriptions() && !c.classic.SubscribesTo(at.Topic)
	}
	return committed, false
}
