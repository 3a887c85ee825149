package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/protocol"
)

func updateFeature(c *cluster, version int16, name string, level int16, kind int8, dry bool,
) *kmsg.UpdateFeaturesResponse {
	r := kmsg.NewPtrUpdateFeaturesRequest()
	r.Version, r.ValidateOnly = version, dry
	one := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	one.Feature, one.MaxVersionLevel, one.UpgradeType = name, level, kind
	r.FeatureUpdates = append(r.FeatureUpdates, one, one) // the second one is ignored
	return ask[*kmsg.UpdateFeaturesResponse](c.host, r)
}

// withFeatures returns a cluster whose brokers serve what this program does.
func withFeatures(t *testing.T) *cluster {
	c := newCluster(t, nil)
	for id := int32(1); id <= 2; id++ {
		c.serves(id, features.Supported())
	}
	return c
}

func TestFeaturesAreUpdated(t *testing.T) {
	versions(t, kmsg.UpdateFeatures, func(t *testing.T, version int16) {
		c := withFeatures(t)
		if version > 0 {
			dry := updateFeature(c, version, features.MetadataVersion, 20, 1, true)
			wantCode(t, "dry run", dry.ErrorCode, protocol.None)
			if c.image.Feature(features.MetadataVersion) != 0 {
				t.Error("a dry run made a change")
			}
		}
		got := updateFeature(c, version, features.MetadataVersion, 20, 1, false)
		wantCode(t, "update", got.ErrorCode, protocol.None)
		if level := c.image.Feature(features.MetadataVersion); level != 20 {
			t.Errorf("got level %d, want 20", level)
		}
		if got.ErrorMessage != nil {
			t.Errorf("got message %q", *got.ErrorMessage)
		}
		if told := len(got.Results) == 1 && got.Results[0].Feature == features.MetadataVersion; told != (version < 2) {
			t.Errorf("got results %+v", got.Results)
		}
		told := ask[*kmsg.ApiVersionsResponse](c.host, versionsRequest(3, "test", "1.0"))
		if len(told.FinalizedFeatures) != 1 || told.FinalizedFeatures[0].MaxVersionLevel != 20 {
			t.Errorf("ApiVersions tells %+v", told.FinalizedFeatures)
		}
	})
}

func TestFeatureUpdatesThatCannotBeAreRefusedAsAWhole(t *testing.T) {
	versions(t, kmsg.UpdateFeatures, func(t *testing.T, version int16) {
		c := withFeatures(t)
		got := updateFeature(c, version, "no.such", 1, 1, false)
		wantCode(t, "unknown", got.ErrorCode, protocol.InvalidUpdateVersion)
		wantMessage(t, "unknown", got.ErrorMessage, "The update failed for all features since the following "+
			"feature had an error: Invalid update version 1 for feature no.such. Local controller 1 does not "+
			"support this feature.")
		if len(got.Results) != 0 {
			t.Errorf("got results %+v", got.Results)
		}
	})
}
