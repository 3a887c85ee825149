package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// ConsumerGroupHeartbeat, versions 0-1 (KIP-848)
//
//	1    subscriptions by a regular expression; clients make their member ids (KIP-1082)
//
// It is served while the feature group.version is on.

func consumerGroupHeartbeat(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.ConsumerGroupHeartbeatRequest)
	timeout := env.Settings.RequestTimeout
	task := askGroup(env, client, body.Group, body, timeout, func(one question) kmsg.Response {
		if response, is := one.result.(*kmsg.ConsumerGroupHeartbeatResponse); is {
			return response
		}
		return modern.Refused(&protocol.Error{Code: one.code})
	})
	switch {
	case !servesNewerGroups(env):
		task.items[0].body, task.items[0].code = nil, protocol.UnsupportedVersion
	case body.Group == "":
		task.items[0].code = protocol.InvalidRequest
	}
	return task
}

// servesNewerGroups tells whether the cluster has agreed on groups of the newer protocol.
func servesNewerGroups(env *request.Env) bool { return env.Image().Feature(features.GroupVersion) >= 1 }
