package local

import (
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/local/pull"
	"github.com/chronik-go/chronik/actors/request/write"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
)

// produceVersion is that of the requests: the last one that names topics instead of ids.
const produceVersion = 12

// writing is what becomes of a Produce: what a client would have sent, and its appends while they wait for
// the coordinator of their transaction.
type writing struct {
	request   *protocol.Request
	since     time.Time
	proposals []write.Proposal
}

// onProduce takes a Produce. One of a transaction waits while an earlier one of it is being verified, since
// it must not overtake that.
func (a *Actor) onProduce(c *kit.Context, m Produce) {
	if len(m.Records) == 0 {
		m.Refuse(protocol.Errorf(protocol.InvalidRecord, "no records"))
		return
	}
	r, size := a.produceRequest(m, c.Now())
	if !a.options.Budget.TryAcquire(size) {
		m.Refuse(protocol.Errorf(protocol.NotEnoughReplicas, "no memory for %d bytes of records now", size))
		return
	}
	a.last++
	a.open[a.last] = &pending{produce: m, cost: size, writing: &writing{request: r, since: c.Now()}}
	if id := m.transaction(); id != "" && len(a.held[id]) > 0 {
		a.held[id] = append(a.held[id], a.last)
		return
	}
	a.beginProduce(c, a.last)
}

// beginProduce does what a connection does with a produce request: it sends the appends itself, in order,
// with the write actor to answer to. It returns true if they are to be verified first.
func (a *Actor) beginProduce(c *kit.Context, number uint64) (verifying bool) {
	one := a.open[number]
	if one == nil {
		return false
	}
	w := one.writing
	gather, proposals := write.Begin(a.options.Env, a.client, w.request)
	patience := write.Patience(w.request, a.options.Env.Settings.ProduceTimeout) - c.Now().Sub(w.since)
	if patience <= 0 {
		gather.Expire()
	}
	if gather.Open() == 0 {
		a.written(write.Done{Slot: number, Response: gather.Response(), Failed: gather.Failed()})
		return false
	}
	name := "write-" + strconv.FormatUint(number, 10)
	one.child = c.Spawn(name, write.Spec(number, gather, patience, &a.options.Log))
	a.askers[one.child.ID()] = number
	w.proposals = proposals
	if !gather.Unverified() {
		one.propose(nil)
		return false
	}
	if id := one.produce.transaction(); len(a.held[id]) == 0 {
		a.held[id] = append(a.held[id], number)
	}
	return true
}

// propose sends the appends, except for those with one of the refused tokens.
func (p *pending) propose(refused []uint64) {
	for i := range p.writing.proposals {
		one := &p.writing.proposals[i]
		if len(refused) > 0 && refused[0] == one.Token {
			refused = refused[1:]
			continue
		}
		one.Replica.Core.Tell(group.Propose{Request: one.Append, ReplyTo: p.child, Token: one.Token})
	}
}

// onVerified proposes what the coordinator of the transaction has nothing against.
func (a *Actor) onVerified(c *kit.Context, m write.Verified) {
	if one := a.open[m.Slot]; one != nil && one.writing != nil {
		one.propose(m.Refused)
		a.unhold(c, one.produce.transaction(), m.Slot)
	}
}

// unhold begins what has waited for a Produce, up to one that has to be verified itself.
func (a *Actor) unhold(c *kit.Context, id string, number uint64) {
	if len(a.held[id]) == 0 || a.held[id][0] != number {
		return
	}
	for len(a.held[id]) > 1 {
		a.held[id] = a.held[id][1:]
		if a.beginProduce(c, a.held[id][0]) {
			return
		}
	}
	delete(a.held, id)
}

// transaction returns the transactional id, "" if there is none.
func (m *Produce) transaction() string {
	if m.Producer == nil {
		return ""
	}
	return m.Producer.TransactionalID
}

// produceRequest returns what a client would send, and the memory of its records in bytes.
func (a *Actor) produceRequest(m Produce, now time.Time) (*protocol.Request, int64) {
	records := make([]batch.Record, len(m.Records))
	for i := range m.Records {
		records[i] = recordOf(&m.Records[i], now)
	}
	timeout := m.Timeout
	if timeout <= 0 {
		timeout = a.options.Env.Settings.ProduceTimeout
	}
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = m.Partition, batch.Build(batchOptions(m.Producer), records...)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = m.Topic
	topic.Partitions = append(topic.Partitions, p)
	body := kmsg.NewPtrProduceRequest()
	body.Version, body.Acks = produceVersion, -1
	if m.Producer != nil && m.Producer.TransactionalID != "" {
		body.TransactionID = &m.Producer.TransactionalID
	}
	body.TimeoutMillis = int32(min(timeout, time.Hour).Milliseconds())
	body.Topics = append(body.Topics, topic)
	header := protocol.Header{Key: body.Key(), Version: produceVersion, ClientID: a.client.ID}
	return &protocol.Request{Header: header, Body: body}, int64(len(p.Records))
}

func batchOptions(producer *Producer) batch.Options {
	if producer == nil {
		return batch.Options{}
	}
	return batch.Options{
		Producer:      &batch.Producer{ID: producer.ID, Epoch: producer.Epoch, Sequence: producer.Sequence},
		Transactional: producer.TransactionalID != "",
	}
}

func recordOf(from *pull.Record, now time.Time) batch.Record {
	at := from.Timestamp
	if at.IsZero() {
		at = now
	}
	one := batch.Record{Timestamp: at.UnixMilli(), Key: from.Key, Value: from.Value}
	for _, h := range from.Headers {
		one.Headers = append(one.Headers, batch.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return one
}

// onWritten takes the answer of a write actor. If that did not get as far as to have its appends proposed,
// they are not.
func (a *Actor) onWritten(c *kit.Context, m write.Done) {
	id := ""
	if one := a.open[m.Slot]; one != nil {
		id = one.produce.transaction()
	}
	a.written(m)
	a.unhold(c, id, m.Slot)
}

func (a *Actor) written(m write.Done) {
	one := a.take(m.Slot)
	if one == nil {
		return
	}
	p := &m.Response.Topics[0].Partitions[0]
	answer := Produced{Token: one.produce.Token, BaseOffset: p.BaseOffset}
	if code := protocol.Code(p.ErrorCode); code != protocol.None {
		text := ""
		if p.ErrorMessage != nil {
			text = *p.ErrorMessage
		}
		answer.Err = protocol.Errorf(code, "%s", text)
	}
	one.produce.ReplyTo.Tell(answer)
}
