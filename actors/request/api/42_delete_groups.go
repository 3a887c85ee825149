package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DeleteGroups, versions 0-2
//
//	2    flexible
//
// A group that has members is not deleted.

func deleteGroups(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.DeleteGroupsRequest)
	task := askGroups(env, client)
	for _, group := range body.Groups {
		task.items = append(task.items, question{key: group, body: consumers.Delete{}})
	}
	task.respond = func(items []question) kmsg.Response {
		response := kmsg.NewPtrDeleteGroupsResponse()
		for i := range items {
			answer := kmsg.NewDeleteGroupsResponseGroup()
			answer.Group, answer.ErrorCode = items[i].key, int16(items[i].code)
			response.Groups = append(response.Groups, answer)
		}
		return response
	}
	return task
}
