package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// LeaveGroup, versions 0-5
//
//	3    several members at once, static ones by their instance (KIP-345)
//	4    flexible
//	5    the reason (KIP-800)

func leaveGroup(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.LeaveGroupRequest)
	timeout := env.Settings.RequestTimeout
	return askGroup(env, client, body.Group, body, timeout, func(one question) kmsg.Response {
		if response, is := one.result.(*kmsg.LeaveGroupResponse); is {
			return response
		}
		response := kmsg.NewPtrLeaveGroupResponse()
		if one.code != protocol.UnknownMemberID || body.Version < 3 {
			response.ErrorCode = int16(one.code)
			return response
		}
		for _, member := range body.Members { // nobody is in a group that does not exist
			answer := kmsg.NewLeaveGroupResponseMember()
			answer.MemberID, answer.InstanceID = member.MemberID, member.InstanceID
			answer.ErrorCode = int16(one.code)
			response.Members = append(response.Members, answer)
		}
		return response
	})
}
