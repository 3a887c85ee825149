package coordinator

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/transactions/records"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
)

// writeBytes is how large a batch of several records may grow.
const writeBytes = 256 << 10

// recordOverhead is what a record takes beside its key and value, at most.
const recordOverhead = 40

// endRoom is how much smaller than the largest message a record must be while more may come: that of the
// end of the same transaction is a few bytes longer, and has to fit.
const endRoom = 256

// flush proposes what was written in this turn, in order.
func (a *Actor) flush(c *kit.Context) {
	if len(a.pending) == 0 {
		return
	}
	var writes []write
	var list []batch.Record
	size := 0
	largest := int(a.options.Replica.Config().MaxMessageBytes) - batch.HeaderSize
	low, generation, now := a.options.Low(), a.options.Settings.Generation(), c.Now().UnixMilli()
	pending := a.pending
	a.pending = nil
	for _, one := range pending {
		record := records.Record(one.id, one.record, generation)
		record.Timestamp = now
		bytes := len(record.Key) + len(record.Value) + recordOverhead
		if code := refusal(one.record, bytes, largest, low); code != protocol.None {
			a.core.written(c.Now(), one.token, code)
			continue
		}
		if size+bytes > min(writeBytes, largest) && size > 0 {
			a.propose(c, writes, list)
			writes, list, size = nil, nil, 0
		}
		writes, list, size = append(writes, one), append(list, record), size+bytes
	}
	if len(writes) > 0 {
		a.propose(c, writes, list)
	}
	a.reply(a.core.take().answers) // those of what was refused, which brings about nothing else
}

// refusal tells why a record is not even tried: it is too large, or the disk has no room for anything new.
// What ends a transaction is written as long as it can be.
func refusal(r *transaction.Record, bytes, largest int, low bool) protocol.Code {
	begins := r != nil && (r.State == transaction.Empty || r.State == transaction.Ongoing)
	switch {
	case begins && low:
		return protocol.CoordinatorNotAvailable
	case begins && bytes+endRoom > largest:
		return protocol.UnknownServerError
	}
	return protocol.None
}

func (a *Actor) propose(c *kit.Context, writes []write, list []batch.Record) {
	a.proposed++
	a.inflight[a.proposed] = writes
	a.options.Replica.Core.Tell(group.Propose{
		Request: partition.Append{
			Batch: batch.Build(batch.Options{}, list...), AppendTime: -1, Epoch: a.options.Epoch,
		},
		ReplyTo: c.Self(), Token: a.proposed,
	})
}

// onProposed tells the core what has become of its records.
func (a *Actor) onProposed(c *kit.Context, m group.Proposed) {
	writes, open := a.inflight[m.Token]
	if !open {
		return
	}
	delete(a.inflight, m.Token)
	code := codeOf(m.Err)
	if code == protocol.NotCoordinator {
		c.Log().Info().Err(m.Err).Msg("a record of transactions was not committed here; the log is read again")
		c.Stop(c.Self())
		return
	}
	for _, one := range writes {
		a.core.written(c.Now(), one.token, code)
	}
}

// codeOf maps what the partition's group answers to what clients are told, as Kafka does: one that has lost
// its leadership is no coordinator any more, one that is busy is asked again.
func codeOf(err error) protocol.Code {
	var notLeader group.ErrNotLeader
	switch {
	case err == nil:
		return protocol.None
	case errors.As(err, &notLeader), errors.Is(err, group.ErrLostLeadership), errors.Is(err, kit.ErrStopped):
		return protocol.NotCoordinator
	case errors.Is(err, group.ErrBusy):
		return protocol.CoordinatorNotAvailable
	}
	return protocol.UnknownServerError
}
