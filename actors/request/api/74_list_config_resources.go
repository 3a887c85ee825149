package api

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// ListConfigResources, versions 0-1 (KIP-1142)
//
//	1    types of resources; before that it lists those of client metrics, of which there are none here
//
// Topics and brokers are listed whether they have configs of their own or not, groups if they do.

func listConfigResources(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.ListConfigResourcesRequest)
	response := kmsg.NewPtrListConfigResourcesResponse()
	wanted := body.ResourceTypes
	switch {
	case r.Version < 1:
		wanted = []int8{int8(kmsg.ConfigResourceTypeClientMetrics)}
	case len(wanted) == 0:
		wanted = listedResources
	}
	for i, kind := range wanted {
		list, known := resourcesOf(env, kmsg.ConfigResourceType(kind))
		switch {
		case !known:
			response.ErrorCode, response.ConfigResources = int16(protocol.UnsupportedVersion), nil
			return response
		case !slices.Contains(wanted[:i], kind):
			response.ConfigResources = append(response.ConfigResources, list...)
		}
	}
	return response
}

// listedResources are the types of which all are listed where none is named.
var listedResources = []int8{
	int8(kmsg.ConfigResourceTypeTopic), int8(kmsg.ConfigResourceTypeBroker),
	int8(kmsg.ConfigResourceTypeBrokerLogger), int8(kmsg.ConfigResourceTypeClientMetrics),
	int8(kmsg.ConfigResourceTypeGroupConfig),
}

// resourcesOf lists what there is of a type, false if there is no such type.
func resourcesOf(env *request.Env, kind kmsg.ConfigResourceType,
) (list []kmsg.ListConfigResourcesResponseConfigResource, known bool) {
	add := func(name string) {
		one := kmsg.NewListConfigResourcesResponseConfigResource()
		one.Name, one.Type = name, int8(kind)
		list = append(list, one)
	}
	current := env.Image()
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		for topic := range current.Topics() {
			add(topic.Name)
		}
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		for _, broker := range current.Brokers() {
			add(strconv.Itoa(int(broker.ID)))
		}
	case kmsg.ConfigResourceTypeGroupConfig:
		for group := range current.ConfiguredGroups() {
			add(group)
		}
	case kmsg.ConfigResourceTypeClientMetrics:
	default:
		return nil, false
	}
	return list, true
}
