package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// AlterConfigs, versions 0-2
//
//	1    quotas count; there are none here
//	2    flexible
//
// The older way: what the request does not mention goes back to its default. IncrementalAlterConfigs (44)
// is the newer one.

func alterConfigs(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.AlterConfigsRequest)
	all := make([]alteration, len(body.Resources))
	for i, resource := range body.Resources {
		all[i].kind, all[i].name = resource.ResourceType, resource.ResourceName
		for _, one := range resource.Configs {
			all[i].set(one.Name, controller.Set, one.Value)
		}
	}
	task := &configReplacement{request: body}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	task.items = planAlterations(env, all, true, body.ValidateOnly)
	return task
}

// configReplacement is the task of an AlterConfigs request.
type configReplacement struct {
	changes
	request *kmsg.AlterConfigsRequest
}

// Response implements call.Task.
func (c *configReplacement) Response() kmsg.Response {
	response := kmsg.NewPtrAlterConfigsResponse()
	response.Resources = make([]kmsg.AlterConfigsResponseResource, 0, len(c.items))
	for i := range c.items {
		answer := kmsg.NewAlterConfigsResponseResource()
		answer.ResourceType = c.request.Resources[i].ResourceType
		answer.ResourceName = c.request.Resources[i].ResourceName
		if err := c.items[i].outcome(); err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		}
		response.Resources = append(response.Resources, answer)
	}
	return response
}
