package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// Heartbeat, versions 0-4
//
//	1    throttle time
//	3    static members (KIP-345)
//	4    flexible

func heartbeat(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.HeartbeatRequest)
	timeout := env.Settings.RequestTimeout
	return askGroup(env, client, body.Group, body, timeout, func(one question) kmsg.Response {
		if response, is := one.result.(*kmsg.HeartbeatResponse); is {
			return response
		}
		response := kmsg.NewPtrHeartbeatResponse()
		response.ErrorCode = int16(one.code)
		return response
	})
}
