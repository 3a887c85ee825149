package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeGroups, versions 0-6
//
//	3    what the client may do
//	4    static members (KIP-345)
//	5    flexible
//	6    GROUP_ID_NOT_FOUND and a message for a group that does not exist, which was a Dead one before

// groupOperations is what everybody may do with a group.
const groupOperations = read | remove | describe

func describeGroups(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DescribeGroupsRequest)
	task := askGroups(env, client)
	for _, group := range body.Groups {
		task.items = append(task.items, question{key: group, body: consumers.Describe{}})
	}
	task.respond = func(items []question) kmsg.Response {
		response := kmsg.NewPtrDescribeGroupsResponse()
		for i := range items {
			response.Groups = append(response.Groups, describedGroup(body, &items[i]))
		}
		return response
	}
	return task
}

func describedGroup(body *kmsg.DescribeGroupsRequest, one *question) kmsg.DescribeGroupsResponseGroup {
	answer, is := one.result.(kmsg.DescribeGroupsResponseGroup)
	if !is {
		answer = kmsg.NewDescribeGroupsResponseGroup()
		answer.Group, answer.ErrorCode = one.key, int16(one.code)
		if one.code == protocol.GroupIDNotFound {
			answer.State = classic.Dead.String()
			answer.ErrorMessage = pointer(fmt.Sprintf("Group %s not found.", one.key))
			if body.Version < 6 {
				answer.ErrorCode = int16(protocol.None)
			}
		}
	}
	if body.IncludeAuthorizedOperations {
		answer.AuthorizedOperations = groupOperations
	}
	return answer
}
