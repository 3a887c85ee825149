package broker

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/api"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// brokersSpec is how brokers ask each other. Their requests meet the handlers that answer clients.
func (a *Actor) brokersSpec() kit.Spec {
	env, log := a.shared.Env, a.options.Log
	options := brokers.Options{NodeID: a.options.Config.NodeID, Serves: api.Serves, Log: log}
	if a.cluster != nil {
		options.Links = a.cluster.peers
	}
	options.Handle = func(from int32, r *protocol.Request, answer func(kmsg.Response),
	) (kmsg.Response, brokers.Work) {
		client := request.Client{ID: "broker-" + strconv.Itoa(int(from)), Listener: listenerName}
		response, task := api.Handle(env, client, r)
		if response != nil {
			return response, brokers.Work{}
		}
		done := kit.AddressFor("done", func(message any) { answer(message.(request.Done).Body) })
		work := brokers.Work{Spec: call.Spec(task, done, 0, &log)}
		if ordered, is := task.(call.Ordered); is {
			work.Begun = ordered.Send
		}
		return nil, work
	}
	return brokers.Spec(options)
}
