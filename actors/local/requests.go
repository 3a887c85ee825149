package local

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/local/pull"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/api"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/request/write"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
)

// produceVersion is that of the requests: the last one that names topics instead of ids.
const produceVersion = 12

// onProduce does what a connection does with a produce request: it sends the appends itself, in order, with
// the write actor to answer to.
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
	gather, proposals := write.Begin(a.options.Env, a.client, r)
	name := a.name("write")
	number := a.last
	one := &pending{produce: m, cost: size}
	a.open[number] = one
	if gather.Open() == 0 {
		a.onWritten(write.Done{Slot: number, Response: gather.Response(), Failed: gather.Failed()})
		return
	}
	patience := write.Patience(r, a.options.Env.Settings.ProduceTimeout)
	one.child = c.Spawn(name, write.Spec(number, gather, patience, a.options.Log))
	a.askers[one.child.ID()] = number
	for i := range proposals {
		p := &proposals[i]
		p.Replica.Core.Tell(group.Propose{Request: p.Append, ReplyTo: one.child, Token: p.Token})
	}
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
	p.Partition, p.Records = m.Partition, batch.Build(batch.Options{}, records...)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = m.Topic
	topic.Partitions = append(topic.Partitions, p)
	body := kmsg.NewPtrProduceRequest()
	body.Version, body.Acks = produceVersion, -1
	body.TimeoutMillis = int32(min(timeout, time.Hour).Milliseconds())
	body.Topics = append(body.Topics, topic)
	header := protocol.Header{Key: body.Key(), Version: produceVersion, ClientID: a.client.ID}
	return &protocol.Request{Header: header, Body: body}, int64(len(p.Records))
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

func (a *Actor) onWritten(m write.Done) {
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

// onRequest does what a connection does with any other request.
func (a *Actor) onRequest(c *kit.Context, m Request) {
	header := protocol.Header{Key: m.Body.Key(), Version: m.Body.GetVersion(), ClientID: a.client.ID}
	switch kmsg.Key(header.Key) {
	case kmsg.Produce, kmsg.Fetch:
		m.Refuse(protocol.Errorf(protocol.InvalidRequest, "%s has a message of its own",
			kmsg.NameForKey(header.Key)))
		return
	}
	if !protocol.Supports(header.Key, header.Version) {
		m.Refuse(&protocol.UnsupportedVersionError{Header: header})
		return
	}
	response, task := api.Handle(a.options.Env, a.client, &protocol.Request{Header: header, Body: m.Body})
	if response != nil {
		m.ReplyTo.Tell(Responded{Token: m.Token, Body: response})
		return
	}
	name := a.name("call")
	one := &pending{request: m}
	one.child = c.Spawn(name, call.Spec(task, c.Self(), a.last, a.options.Log))
	a.open[a.last], a.askers[one.child.ID()] = one, a.last
	if ordered, is := task.(call.Ordered); is {
		ordered.Send(one.child)
	}
}

func (a *Actor) onCalled(m request.Done) {
	if one := a.take(m.Slot); one != nil {
		one.request.ReplyTo.Tell(Responded{Token: one.request.Token, Body: m.Body})
	}
}
