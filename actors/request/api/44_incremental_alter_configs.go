package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// IncrementalAlterConfigs, versions 0-1 (KIP-339)
//
//	1    flexible
//
// Operations: SET, DELETE (back to the default), APPEND to a list and SUBTRACT from one. A resource is
// changed as a whole or not at all.

func incrementalAlterConfigs(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.IncrementalAlterConfigsRequest)
	all := make([]alteration, len(body.Resources))
	for i, resource := range body.Resources {
		all[i].kind, all[i].name = resource.ResourceType, resource.ResourceName
		for _, one := range resource.Configs {
			all[i].set(one.Name, controller.Operation(one.Op), one.Value)
		}
	}
	task := &configAlteration{request: body}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	task.items = planAlterations(env, all, false, body.ValidateOnly)
	return task
}

// configAlteration is the task of an IncrementalAlterConfigs request.
type configAlteration struct {
	changes
	request *kmsg.IncrementalAlterConfigsRequest
}

// Response implements call.Task.
func (c *configAlteration) Response() kmsg.Response {
	response := kmsg.NewPtrIncrementalAlterConfigsResponse()
	response.Resources = make([]kmsg.IncrementalAlterConfigsResponseResource, 0, len(c.items))
	for i := range c.items {
		answer := kmsg.NewIncrementalAlterConfigsResponseResource()
		answer.ResourceType = c.request.Resources[i].ResourceType
		answer.ResourceName = c.request.Resources[i].ResourceName
		if err := c.items[i].outcome(); err != nil {
			answer.ErrorCode, answer.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		}
		response.Resources = append(response.Resources, answer)
	}
	return response
}
