package coordinator

import (
	"errors"
	"time"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// followAgain is the wait after a look at the log that found nothing although it was said to have grown: the
// replica is being rebuilt, or the disk has failed.
const followAgain = time.Second

// markers is what is known of the transactions in this partition, and how far the log was searched for the
// markers that end them. It knows no actor.
//
// Invariant: while open or writing has something, the marker of each is at next or behind, and the groups
// have been told of the markers before next.
type markers struct {
	open    map[int64]map[string]int64 // producer → groups with pending offsets → the last batch of each
	writing map[int64]int              // producer → batches that are proposed
	next    protocol.Offset
	watched bool            // the replica tells when the log grows
	beyond  protocol.Offset // where it ended when the replica was asked for that
	pass    pass
}

// errUndecided stops the search at a marker of a producer whose batch is under way: the batch may stand
// before the marker or behind it.
var errUndecided = errors.New("a batch is under way")

func newMarkers() markers {
	return markers{open: map[int64]map[string]int64{}, writing: map[int64]int{}}
}

func (m *markers) idle() bool { return len(m.open) == 0 && len(m.writing) == 0 }

// from says that groups were built from what is before an offset, and know nothing of later markers. Groups
// that are told of a marker again have nothing left that it concerns.
func (m *markers) from(end protocol.Offset) {
	if m.idle() {
		m.next = end
	}
	m.next = min(m.next, end)
}

// begin notes that a batch of a producer is proposed while the log has this end.
func (m *markers) begin(producer int64, end protocol.Offset) {
	if m.idle() {
		m.next = end
	}
	m.writing[producer]++
}

// settled notes that a batch has been answered.
func (m *markers) settled(producer int64) {
	if m.writing[producer]--; m.writing[producer] == 0 {
		delete(m.writing, producer)
	}
}

// opened notes that a group has pending offsets of a producer.
func (m *markers) opened(producer int64, group string, last int64) {
	if m.open[producer] == nil {
		m.open[producer] = map[string]int64{}
	}
	m.open[producer][group] = max(last, m.open[producer][group])
}

// ended takes note of a marker and returns the groups that it concerns.
func (m *markers) ended(producer, at int64) []string {
	var concerned []string
	for group, last := range kit.InOrder(m.open[producer]) {
		if last < at {
			concerned = append(concerned, group)
			delete(m.open[producer], group)
		}
	}
	if len(m.open[producer]) == 0 {
		delete(m.open, producer)
	}
	return concerned
}

// search goes on in the log up to an end, a piece at most, and tells the groups of the markers there. Without
// decided it stops at one that is undecided.
func (a *Actor) search(end protocol.Offset, decided bool) error {
	m := &a.markers
	var err error
	m.next, err = m.pass.piece(a.options.Replica.View(), m.next, end, func(b batch.Batch) error {
		if !b.IsControl() {
			return nil
		}
		commit, ends := b.Ends()
		switch {
		case !ends:
		case !decided && m.writing[b.ProducerID()] > 0:
			return errUndecided
		default:
			a.end(b.ProducerID(), int64(b.BaseOffset()), commit)
		}
		return nil
	})
	return err
}

// end tells the groups how a transaction ended. A group that is being read again finds the marker in the log.
func (a *Actor) end(producer, at int64, commit bool) {
	for _, group := range a.markers.ended(producer, at) {
		if known := a.groups[group]; known != nil {
			known.address.Tell(consumers.EndTransaction{ProducerID: producer, Commit: commit, Offset: at})
		}
	}
}

// precede tells the groups of all markers that stand before a batch which has just been answered, so that
// they hear of everything in the order of the log. Whatever else is under way stands behind that batch.
func (a *Actor) precede(w consumers.Write, offset protocol.Offset) error {
	producer := w.Transaction.ProducerID
	for a.markers.next < offset {
		if err := a.search(offset, true); err != nil {
			return err
		}
	}
	if one := a.names[w.Group.Name()]; one != nil {
		a.markers.opened(producer, one.group, int64(offset))
	}
	return nil
}

// follow searches the log for markers, and asks to be told when it grows.
func (a *Actor) follow(c *kit.Context) {
	m := &a.markers
	if m.idle() || m.watched {
		return
	}
	end := a.options.Replica.View().End()
	err := a.search(end, false)
	switch {
	case errors.Is(err, errUndecided): // the answer to the batch goes on
	case err != nil:
		c.Log().Error().Err(err).Int64("offset", int64(m.next)).
			Msg("the log of groups cannot be searched for markers; trying again")
		m.watched = true
		c.After(followAgain, followOn{})
	case m.next < end:
		m.watched = true
		c.Self().Tell(followOn{})
	case !m.idle():
		m.watched, m.beyond = true, m.next
		a.options.Replica.Waiters.Tell(partition.Wait{Offset: m.next, ReplyTo: c.Self()})
	}
}

// catchUp tells the groups of the markers that are in the log by now: who was told that a transaction has
// ended must not be shown the offsets from before it. What it cannot read, follow comes to.
func (a *Actor) catchUp() {
	if end := a.options.Replica.View().End(); !a.markers.idle() && a.markers.next < end {
		_ = a.search(end, false)
	}
}

// onFollow goes on with the search. A wake-up although nothing has come is no reason to ask for the next one
// at once.
func (a *Actor) onFollow(c *kit.Context, message any) {
	if _, woken := message.(partition.Woken); woken && a.options.Replica.View().End() <= a.markers.beyond {
		c.After(followAgain, followOn{})
		return
	}
	a.markers.watched = false
	a.follow(c)
}
