package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// SyncGroup, versions 0-5
//
//	3    static members (KIP-345)
//	4    flexible
//	5    protocol type and name, in both directions (KIP-559); the request has to name them
//
// It is answered when the assignment of the group's leader is committed.

func syncGroup(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.SyncGroupRequest)
	task := askGroup(env, client, body.Group, body, longestRebalance, func(one question) kmsg.Response {
		if response, is := one.result.(*kmsg.SyncGroupResponse); is {
			return response
		}
		response := kmsg.NewPtrSyncGroupResponse()
		response.ErrorCode, response.MemberAssignment = int16(one.code), []byte{}
		return response
	})
	if body.Version >= 5 && (body.ProtocolType == nil || body.Protocol == nil) {
		task.items[0].body, task.items[0].code = nil, protocol.InconsistentGroupProtocol
	}
	return task
}
