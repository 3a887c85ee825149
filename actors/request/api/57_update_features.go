package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// UpdateFeatures, versions 0-2 (KIP-584)
//
//	1    kinds of downgrade instead of a switch, and dry runs (KIP-778)
//	2    one answer for all features (KIP-1022)
//
// All features are updated or none. The switch of version 0 that allows a downgrade has no effect, as with
// Kafka's controllers; nor has the second of two updates of one feature.

func updateFeatures(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.UpdateFeaturesRequest)
	update := controller.UpdateFeatures{ValidateOnly: body.ValidateOnly}
	task := &featureUpdate{version: body.Version}
	seen := map[string]bool{}
	for _, one := range body.FeatureUpdates {
		if seen[one.Feature] {
			continue
		}
		seen[one.Feature] = true
		task.names = append(task.names, one.Feature)
		direction := features.Upgrade(one.UpgradeType)
		if body.Version == 0 {
			direction = features.UpgradeOnly
		}
		update.Updates = append(update.Updates, features.Update{
			Name: one.Feature, Level: int32(one.MaxVersionLevel), Upgrade: direction,
		})
	}
	task.env, task.timeout = env, env.Timeout(body.TimeoutMillis)
	task.items = []change{{request: update}}
	return task
}

// featureUpdate is the task of an UpdateFeatures request.
type featureUpdate struct {
	changes
	version int16
	names   []string
}

// Response implements call.Task. Only success is told for each feature, in versions that can.
func (f *featureUpdate) Response() kmsg.Response {
	response := kmsg.NewPtrUpdateFeaturesResponse()
	if err := f.items[0].outcome(); err != nil {
		response.ErrorCode, response.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		return response
	}
	for _, name := range f.names {
		if f.version < 2 {
			one := kmsg.NewUpdateFeaturesResponseResult()
			one.Feature, one.ErrorMessage = name, pointer(protocol.None.String())
			response.Results = append(response.Results, one)
		}
	}
	return response
}
