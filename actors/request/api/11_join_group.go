package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// JoinGroup, versions 0-9
//
//	1    rebalance timeout
//	4    a new member is given an id first (KIP-394)
//	5    static members (KIP-345)
//	6    flexible
//	7    the protocol type in the answer (KIP-559)
//	8    the reason (KIP-800)
//	9    a static leader may be told to leave the assignment as it is (KIP-814)
//
// It is answered when the rebalance ends, which may take minutes. Other requests of the connection are
// handled meanwhile; only their answers wait.

func joinGroup(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.JoinGroupRequest)
	return askGroup(env, client, body.Group, body, longestRebalance, func(one question) kmsg.Response {
		if response, is := one.result.(*kmsg.JoinGroupResponse); is {
			return response
		}
		response := kmsg.NewPtrJoinGroupResponse()
		response.ErrorCode, response.MemberID, response.Generation = int16(one.code), body.MemberID, -1
		return response
	})
}
