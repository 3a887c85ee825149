package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// ConsumerGroupDescribe, versions 0-1 (KIP-848)
//
//	1    which protocol each member speaks (KIP-1099)
//
// Groups of the classic protocol are not found here; DescribeGroups has them.

func consumerGroupDescribe(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.ConsumerGroupDescribeRequest)
	task := askGroups(env, client)
	served := servesNewerGroups(env)
	for _, group := range body.Groups {
		one := question{key: group, body: consumers.DescribeConsumers{}}
		switch {
		case !served:
			one.body, one.code = nil, protocol.UnsupportedVersion
		case group == "":
			one.body, one.code = nil, protocol.InvalidGroupID
		}
		task.items = append(task.items, one)
	}
	task.respond = func(items []question) kmsg.Response {
		response := kmsg.NewPtrConsumerGroupDescribeResponse()
		for i := range items {
			response.Groups = append(response.Groups, describedConsumers(body, &items[i]))
		}
		return response
	}
	return task
}

func describedConsumers(body *kmsg.ConsumerGroupDescribeRequest, one *question,
) kmsg.ConsumerGroupDescribeResponseGroup {
	answer, is := one.result.(kmsg.ConsumerGroupDescribeResponseGroup)
	if !is {
		answer = kmsg.NewConsumerGroupDescribeResponseGroup()
		answer.Group, answer.ErrorCode = one.key, int16(one.code)
		if one.code == protocol.GroupIDNotFound {
			answer.ErrorMessage = pointer(fmt.Sprintf("Group %s is not a consumer group.", one.key))
		}
	}
	if is && body.IncludeAuthorizedOperations {
		answer.AuthorizedOperations = groupOperations
	}
	return answer
}
