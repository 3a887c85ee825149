package controller

import (
	"fmt"
	"maps"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// updateFeatures checks every update against what this broker and all registered ones serve. One that is
// refused refuses the whole request. A level that is finalized already is no change.
func (p *Planner) updateFeatures(tail *image.Image, r UpdateFeatures) (*metadatapb.Command, error) {
	levels := tail.Features()
	proposed := map[string]int32{}
	maps.Copy(proposed, levels)
	for _, update := range r.Updates {
		proposed[update.Name] = update.Level
	}
	holders := p.holders(tail)
	changed := map[string]int32{}
	for _, update := range r.Updates {
		if reason := features.Check(update, levels, proposed, holders); reason != "" {
			return nil, refuse(protocol.InvalidUpdateVersion,
				"The update failed for all features since the following feature had an error: %s", reason)
		}
		if levels[update.Name] != update.Level {
			changed[update.Name] = update.Level
		}
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_UpdateFeatures{
		UpdateFeatures: image.LevelsProto(changed),
	}}, nil
}

// holders returns who limits the levels: this broker as the controller, then all that are registered.
func (p *Planner) holders(tail *image.Image) []features.Holder {
	own := p.cluster.Features
	if own == nil {
		own = features.Supported()
	}
	holders := []features.Holder{{Name: fmt.Sprintf("Local controller %d", p.broker), Ranges: own}}
	for _, broker := range tail.Brokers() {
		holders = append(holders, features.Holder{
			Name: fmt.Sprintf("Broker %d", broker.ID), Ranges: broker.Features,
		})
	}
	return holders
}

// fitting refuses a broker that does not serve what is finalized: its clients would be promised too much.
func fitting(tail *image.Image, served features.Ranges) error {
	for name, level := range tail.Features() {
		if !served[name].Has(level) {
			return refuse(protocol.UnsupportedVersion, "Unable to register because the broker does not support "+
				"finalized version %d of %s. The broker wants a version between %d and %d, inclusive.",
				level, name, served[name].Min, served[name].Max)
		}
	}
	return nil
}

func encodeUpdateFeatures(r UpdateFeatures) *metadatapb.UpdateFeaturesRequest {
	encoded := &metadatapb.UpdateFeaturesRequest{ValidateOnly: r.ValidateOnly}
	for _, one := range r.Updates {
		encoded.Updates = append(encoded.Updates, &metadatapb.FeatureUpdate{
			Name: one.Name, Level: one.Level, Upgrade: int32(one.Upgrade),
		})
	}
	return encoded
}

func decodeUpdateFeatures(encoded *metadatapb.UpdateFeaturesRequest) UpdateFeatures {
	r := UpdateFeatures{ValidateOnly: encoded.GetValidateOnly()}
	for _, one := range encoded.GetUpdates() {
		r.Updates = append(r.Updates, features.Update{
			Name: one.GetName(), Level: one.GetLevel(), Upgrade: features.Upgrade(one.GetUpgrade()),
		})
	}
	return r
}
