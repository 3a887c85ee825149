package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// UnregisterBroker, version 0
//
// The cluster forgets a broker that is gone for good. One that holds replicas is refused: Kafka lets their
// partitions go on with fewer replicas than they have on paper, and nobody hears of it; here they are to be
// moved first.

func unregisterBroker(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.UnregisterBrokerRequest)
	task := &unregistration{}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	task.items = []change{{request: controller.UnregisterBroker{ID: body.BrokerID}}}
	return task
}

// unregistration is the task of an UnregisterBroker request.
type unregistration struct{ changes }

// Response implements call.Task.
func (u *unregistration) Response() kmsg.Response {
	response := kmsg.NewPtrUnregisterBrokerResponse()
	if err := u.items[0].outcome(); err != nil {
		response.ErrorCode, response.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
	}
	return response
}
