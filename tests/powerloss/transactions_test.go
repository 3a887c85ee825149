package powerloss

import (
	"cmp"
	"slices"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Transactional writers are producers that write in transactions, each in one partition. Their coordinator is
// the book: it says yes to every verification, and sends the marker again until it knows that it was written.

// ending is a transaction of which the end was decided.
type ending struct {
	commit   bool
	inFlight bool
}

// coordinatorEpoch is that of the book.
const coordinatorEpoch = 3

// end ends the transaction of a writer, or begins to: nothing of it may be under way.
func (d *load) end(log *logBook, w *writer, replica *partition.Replica) {
	switch {
	case !w.transactional || w.inFlight > 0 || len(w.unanswered) > 0:
		return
	case w.ending == nil && !w.wrote:
		return
	case w.ending == nil:
		w.ending = &ending{commit: d.life.Random().IntN(2) == 0}
	case w.ending.inFlight:
		return
	}
	number := int64(len(d.byNumber) + 1)
	s := &sent{number: number, writer: w, marker: true, attempts: 1, pristine: batch.Build(batch.Options{
		Transactional: true, Control: true, Producer: &batch.Producer{ID: w.pid, Sequence: batch.NoSequence},
	}, batch.Marker(w.ending.commit, coordinatorEpoch, number))}
	d.byNumber[number] = s
	log.sent = append(log.sent, s)
	w.ending.inFlight = true
	request := partition.EndTransaction{
		TransactionMarker: partitionlog.TransactionMarker{ProducerID: w.pid, CoordinatorEpoch: coordinatorEpoch},
		Commit:            w.ending.commit, Time: number,
	}
	d.propose(replica, request, func(m group.Proposed) {
		w.ending.inFlight = false
		if m.Err != nil {
			return // it is sent again
		}
		d.ack(s, m.Result.(partition.EndedTransaction).Offset)
		w.ending, w.wrote = nil, false
		d.transactions++
	})
}

// verified returns what a batch needs that may begin a transaction. The coordinator says yes.
func (d *load) verified(s *sent, replica *partition.Replica) *partition.Verification {
	b := s.pristine
	if !b.IsTransactional() {
		return nil
	}
	v, err := replica.Verify(b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), false, 0)
	if err != nil {
		d.broken("%s: %s cannot be verified: %v", replica.Name(), s, err)
	}
	if v != nil {
		v.Confirm(b.ProducerEpoch())
	}
	return v
}

// transactionsOf compares the last stable offset, and what a reader of committed records sees, with what the
// batches of a log come to.
func (i *inspection) transactionsOf(log *logBook, view *partitionlog.View) {
	var all []*sent
	for _, s := range log.sent {
		if s.promised {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *sent) int { return cmp.Compare(a.offset, b.offset) })
	open := map[*writer][]*sent{}
	aborted := map[*sent]bool{}
	for _, s := range all {
		if !s.marker {
			if s.writer.transactional {
				open[s.writer] = append(open[s.writer], s)
			}
			continue
		}
		for _, one := range open[s.writer] {
			aborted[one] = !s.commits()
		}
		delete(open, s.writer)
	}
	stable := view.End()
	for _, list := range open {
		if n := slices.IndexFunc(list, func(s *sent) bool { return s.offset >= view.Start() }); n >= 0 {
			stable = min(stable, list[n].offset)
		}
	}
	// What was deleted before anybody heard of it may have begun a transaction, too, or ended one.
	if got := view.LastStable(); got > stable || got < view.Start() || view.Start() == 0 && got != stable {
		i.broken("%s: got last stable offset %d in [%d, %d), want %d", log.name, got, view.Start(), view.End(), stable)
		return
	}
	seen, err := committed(view)
	if err != nil {
		i.broken("%s: committed records cannot be read: %v", log.name, err)
		return
	}
	for _, s := range all {
		if s.marker || s.offset < view.Start() || s.offset >= view.LastStable() {
			continue
		}
		if seen[s.offset] == aborted[s] {
			i.broken("%w: %s: %s at %d, aborted: %v, is seen by a reader of committed records: %v", errLost, log.name, s,
				s.offset, aborted[s], seen[s.offset])
		}
	}
}

// commits tells whether a marker commits.
func (s *sent) commits() bool {
	commits := false
	_ = s.pristine.Entries(func(e batch.Entry) bool { // the test has built it
		commits = e.Key[3] == 1
		return false
	})
	return commits
}

// committed returns the base offsets of the batches that a reader of committed records takes, which does what
// Kafka's consumer does.
func committed(view *partitionlog.View) (map[protocol.Offset]bool, error) {
	seen := map[protocol.Offset]bool{}
	for at := view.Start(); at < view.LastStable(); {
		region, err := view.ReadCommitted(at, 8<<10, true)
		if err != nil {
			return nil, err
		}
		aborted, err := view.Aborted(at, region)
		data := make([]byte, region.Length)
		if err == nil {
			_, err = region.ReadAt(data, 0)
		}
		region.Release()
		if err != nil {
			return nil, err
		}
		at = take(data, aborted, seen)
	}
	return seen, nil
}

func take(data []byte, aborted []partitionlog.AbortedTransaction, seen map[protocol.Offset]bool) (next protocol.Offset) {
	slices.SortStableFunc(aborted, func(a, b partitionlog.AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	leave := map[int64]bool{}
	for {
		h, ok := batch.PeekHeader(data)
		if !ok || h.Size > len(data) {
			return next
		}
		b := batch.Batch(data[:h.Size])
		data, next = data[h.Size:], b.NextOffset()
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
			leave[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		switch {
		case !b.IsControl():
			seen[b.BaseOffset()] = !b.IsTransactional() || !leave[b.ProducerID()]
		case !(&sent{pristine: b}).commits():
			delete(leave, b.ProducerID())
		}
	}
}
