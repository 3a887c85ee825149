package coordinator

import (
	"errors"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
)

// writeBytes is how large a batch of several writes may grow.
const writeBytes = 256 << 10

// recordOverhead is what a record takes beside its key and value, at most.
const recordOverhead = 40

// flush proposes what the groups wrote in this turn. A write is never split, and its order among the writes
// is kept.
func (a *Actor) flush(c *kit.Context) {
	if len(a.pending) == 0 {
		return
	}
	var writes []consumers.Write
	size := 0
	largest := int(a.options.Replica.Config().MaxMessageBytes) - batch.HeaderSize
	for _, one := range a.pending {
		bytes := sizeOf(one.Records)
		switch {
		case a.options.Low():
			answer(one, protocol.CoordinatorNotAvailable)
			continue
		case bytes > largest:
			answer(one, protocol.MessageTooLarge)
			continue
		case one.Transaction != nil:
			a.propose(c, writes, nil)
			a.propose(c, []consumers.Write{one}, one.Transaction)
			writes, size = nil, 0
			continue
		case size+bytes > min(writeBytes, largest) && size > 0:
			a.propose(c, writes, nil)
			writes, size = nil, 0
		}
		writes, size = append(writes, one), size+bytes
	}
	a.pending = nil
	a.propose(c, writes, nil)
}

func sizeOf(list []batch.Record) int {
	size := 0
	for i := range list {
		size += len(list[i].Key) + len(list[i].Value) + recordOverhead
	}
	return size
}

func answer(w consumers.Write, code protocol.Code) {
	w.Group.Tell(consumers.Written{Token: w.Token, Code: code})
}

// propose proposes writes as one batch, which is part of a transaction if one is given.
func (a *Actor) propose(c *kit.Context, writes []consumers.Write, in *consumers.Transaction) {
	if len(writes) == 0 {
		return
	}
	var list []batch.Record
	now := c.Now().UnixMilli()
	for _, one := range writes {
		for _, record := range one.Records {
			record.Timestamp = now
			list = append(list, record)
		}
	}
	a.last++
	a.inflight[a.last] = writes
	request, options := partition.Append{AppendTime: -1}, batch.Options{}
	if in != nil {
		a.markers.begin(in.ProducerID, a.options.Replica.View().End())
		request.Verification = in.Verification
		options.Transactional = true
		options.Producer = &batch.Producer{
			ID: in.ProducerID, Epoch: in.ProducerEpoch, Sequence: batch.NoSequence,
		}
	}
	request.Batch = batch.Build(options, list...)
	a.options.Replica.Core.Tell(group.Propose{Request: request, ReplyTo: c.Self(), Token: a.last})
}

// onProposed tells the groups what has become of their writes.
func (a *Actor) onProposed(c *kit.Context, m group.Proposed) {
	if a.reads.answers(m) {
		a.onConfirmed(m.Err)
		return
	}
	writes, open := a.inflight[m.Token]
	if !open {
		return
	}
	delete(a.inflight, m.Token)
	appended, _ := m.Result.(partition.Appended)
	err := m.Err
	if in := writes[0].Transaction; in != nil {
		a.markers.settled(in.ProducerID)
		if err == nil {
			err = a.precede(writes[0], appended.BaseOffset)
		}
	}
	code := codeOf(err)
	if err != nil && m.Err == nil {
		code = protocol.NotCoordinator // it is committed, and cannot be told in the order of the log
	}
	for _, one := range writes {
		one.Group.Tell(consumers.Written{Token: one.Token, Code: code, Offset: int64(appended.BaseOffset)})
	}
	if code == protocol.NotCoordinator {
		c.Log().Info().Err(err).Msg("a write of groups was not committed here; the log is read again")
		c.Stop(c.Self())
		return
	}
	a.maybeHeal(c)
	a.follow(c)
}

// codeOf maps what the partition's group answers to what clients of groups are told, as Kafka does: one that
// has lost its leadership is no coordinator any more, one that is busy is asked again.
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
	return protocol.CodeOf(err) // of a producer that is fenced, or whose transaction is not going on
}
