package local

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/api"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

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
	one.child = c.Spawn(name, call.Spec(task, c.Self(), a.last, &a.options.Log))
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
