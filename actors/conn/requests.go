package conn

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/api"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/write"
	"github.com/chronik-go/chronik/protocol"
)

// onReceived begins a request, or parks it while a client that does not read its replies has enough of them.
func (a *Actor) onReceived(c *kit.Context, m received) {
	switch {
	case a.phase != serving:
		a.drop(m)
	case len(a.parked) > 0 || a.full():
		a.parked = append(a.parked, m)
	default:
		a.begin(c, m)
	}
}

// maxFetches bounds the fetches of one connection under way at once. Clients have one; what many would hold
// is not known before they are answered.
const maxFetches = 16

// full tells whether no further request may be begun: too many bytes of replies have not been sent, too many
// fetches are under way, or the window of slots has grown long behind a silent one that takes its time.
func (a *Actor) full() bool {
	return a.queued > a.settings.MaxQueuedBytes || a.fetching >= maxFetches ||
		a.slots.count() >= 2*a.settings.MaxInFlight
}

// drop forgets a request that will get no reply.
func (a *Actor) drop(m received) {
	m.cost.release()
	<-a.credits
}

// begin parses a request and hands it to whoever answers it.
func (a *Actor) begin(c *kit.Context, m received) {
	r, err := protocol.ParseRequest(m.frame)
	if err != nil {
		a.refuse(c, m, err)
		return
	}
	p := pending{request: r, cost: m.cost, since: c.Now()}
	a.client.ID = r.ClientID
	switch kmsg.Key(r.Key) {
	case kmsg.Produce:
		a.produce(c, p)
	case kmsg.Fetch:
		a.fetch(c, p)
	default:
		a.handle(c, p)
	}
}

// refuse treats what is not a request. An unsupported ApiVersions is how a newer client finds out what is
// served (KIP-511); in all other cases nobody knows what the client would understand, and the connection
// closes, as in Kafka.
func (a *Actor) refuse(c *kit.Context, m received, err error) {
	var unsupported *protocol.UnsupportedVersionError
	if !errors.As(err, &unsupported) {
		a.drop(m)
		a.close(c, endedGarbage, err)
		return
	}
	a.shared.Metrics.unserved.Inc()
	if kmsg.Key(unsupported.Header.Key) != kmsg.ApiVersions {
		a.drop(m)
		a.close(c, endedVersion, err)
		return
	}
	p := pending{request: &protocol.Request{Header: unsupported.Header}, cost: m.cost, since: c.Now()}
	a.answer(a.slots.open(p, false), unsupportedVersions())
}

// unsupportedVersions says which versions of ApiVersions are served, and of everything else.
func unsupportedVersions() kmsg.Response {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = int16(protocol.UnsupportedVersion)
	for _, version := range protocol.Versions() {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MinVersion, key.MaxVersion = version.Key, version.Min, version.Max
		response.ApiKeys = append(response.ApiKeys, key)
	}
	return response
}

// handle answers everything but produce and fetch.
func (a *Actor) handle(c *kit.Context, p pending) {
	response, task := api.Handle(a.shared.Env, a.client, p.request)
	a.noteSoftware(p.request.Body, response)
	number := a.slots.open(p, false)
	if response != nil {
		a.answer(number, response)
		return
	}
	spec := call.Spec(task, c.Self(), number, c.Log())
	child := a.spawn(c, "call", p.request.CorrelationID, spec)
	a.slots.get(number).child = child
	if ordered, is := task.(call.Ordered); is {
		ordered.Send(child)
	}
}

// noteSoftware keeps what a client says about itself (KIP-511), unless the answer was that it may not say so.
func (a *Actor) noteSoftware(body kmsg.Request, response kmsg.Response) {
	asked, ok := body.(*kmsg.ApiVersionsRequest)
	if !ok || asked.Version < 3 {
		return
	}
	if answer, ok := response.(*kmsg.ApiVersionsResponse); !ok || answer.ErrorCode != int16(protocol.None) {
		return
	}
	a.client.Software, a.client.SoftwareVersion = asked.ClientSoftwareName, asked.ClientSoftwareVersion
}

// fetch hands the request to the fetch actor of this connection.
func (a *Actor) fetch(c *kit.Context, p pending) {
	if a.fetcher.IsZero() {
		spec := fetch.Spec(a.shared.Env, a.shared.Sessions, a.client.Listener, c.Log())
		a.fetcher = a.spawn(c, "fetch", p.request.CorrelationID, spec)
	}
	p.child = a.fetcher
	a.fetching++
	number := a.slots.open(p, false)
	a.fetcher.Tell(fetch.Read{Slot: number, Request: p.request})
	if a.phase == draining {
		a.fetcher.Tell(fetch.Finish{})
	}
}

// onCalled takes the answer of a call actor.
func (a *Actor) onCalled(m request.Done) { a.answer(m.Slot, m.Body) }

// onFetched takes the answer of the fetch actor.
func (a *Actor) onFetched(m fetch.Done) {
	if a.slots.get(m.Slot) == nil {
		m.Frame.Release()
		return
	}
	a.fill(m.Slot, m.Frame)
}

// smallReply is room for the reply to a produce request of a partition or two, without growing step by step.
const smallReply = 128

// answer encodes a response into its slot.
func (a *Actor) answer(number uint64, body kmsg.Response) {
	if p := a.slots.get(number); p != nil {
		reply := make([]byte, 0, smallReply)
		a.fill(number, fetch.Frame{Bytes: protocol.AppendResponse(reply, p.request.Header, body)})
	}
}

// fill ends a request: its reply is ready, its memory is given back.
func (a *Actor) fill(number uint64, frame fetch.Frame) {
	p := a.slots.get(number)
	p.cost.release()
	if kmsg.Key(p.request.Key) == kmsg.Fetch {
		a.fetching--
	}
	a.shared.Metrics.answered(p.request.Key, a.shared.Env.Now().Sub(p.since))
	a.queued += memoryOf(frame)
	if silent := a.slots.fill(number, frame); silent {
		<-a.credits
	}
}

// onChildFailed answers in the place of a child that panicked.
func (a *Actor) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	if a.fetcher.Equal(m.Who) {
		a.fetcher = kit.Address{}
	}
	for _, number := range a.slots.of(m.Who) {
		p := a.slots.get(number)
		if p == nil {
			return // closed by the one before
		}
		switch body := p.request.Body.(type) {
		case *kmsg.ProduceRequest:
			a.onWritten(c, write.Done{Slot: number, Response: write.Failure(body), Failed: true})
		case *kmsg.FetchRequest:
			a.fill(number, fetch.Failure(p.request))
		default:
			a.close(c, endedByRequest, errNoAnswer)
		}
	}
}

var errNoAnswer = errors.New("a request could not be answered")
