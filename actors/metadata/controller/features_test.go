package controller_test

import (
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/protocol"
)

var ranges = features.Ranges{
	features.MetadataVersion: {Min: 7, Max: 30}, features.TransactionVersion: {Max: 2}, features.GroupVersion: {Max: 1},
}

// featureWorld returns a cluster of two brokers that serve the ranges, finalized as given.
func featureWorld(t *testing.T, levels map[string]int32) *world {
	w := newWorld(t, 0, nil)
	w.planner = w.planner.In(controller.Cluster{Features: ranges})
	w.tail = image.New()
	w.do(controller.FormCluster{ClusterID: "c", Features: levels})
	for id := int32(1); id <= 2; id++ {
		w.do(controller.RegisterBroker{ID: id, Directory: [16]byte{byte(id)}, Features: ranges})
	}
	return w
}

func update(name string, level int32, kind features.Upgrade) controller.UpdateFeatures {
	return controller.UpdateFeatures{Updates: []features.Update{{Name: name, Level: level, Upgrade: kind}}}
}

func TestFeaturesAreFinalizedTogether(t *testing.T) {
	w := featureWorld(t, nil)
	w.do(controller.UpdateFeatures{Updates: []features.Update{
		{Name: features.TransactionVersion, Level: 2, Upgrade: features.UpgradeOnly},
		{Name: features.MetadataVersion, Level: 22, Upgrade: features.UpgradeOnly}, // which the first depends on
	}})
	if w.tail.Feature(features.TransactionVersion) != 2 || w.tail.Feature(features.MetadataVersion) != 22 {
		t.Fatalf("got %v", w.tail.Features())
	}
	w.do(update(features.MetadataVersion, 20, features.SafeDowngrade)) // 21 and 22 hold nothing of their own
	w.do(update(features.TransactionVersion, 0, features.SafeDowngrade))
	if levels := w.tail.Features(); len(levels) != 1 || levels[features.MetadataVersion] != 20 {
		t.Errorf("got %v", levels)
	}
	w.do(update("share.version", 0, features.UpgradeOnly)) // is off and may stay so
	dry := update(features.GroupVersion, 1, features.UpgradeOnly)
	dry.ValidateOnly = true
	w.do(dry)
	if w.tail.Feature(features.GroupVersion) != 0 {
		t.Error("a dry run made a change")
	}
}

// The sentences are those of Kafka's FeatureControlManager.
func TestFeatureUpdatesAreRefusedInKafkasWords(t *testing.T) {
	w := featureWorld(t, map[string]int32{features.MetadataVersion: 30, features.TransactionVersion: 1})
	const prefix = "The update failed for all features since the following feature had an error: "
	invalid := func(r controller.UpdateFeatures, message string) {
		t.Helper()
		w.refuses(r, protocol.InvalidUpdateVersion, prefix+message)
	}
	invalid(update(features.TransactionVersion, 2, 0), "Invalid update version 2 for feature transaction.version. "+
		"The controller does not support the given upgrade type.")
	invalid(update(features.TransactionVersion, -1, 1), "Invalid update version -1 for feature "+
		"transaction.version. A feature version cannot be less than 0.")
	invalid(update(features.TransactionVersion, 3, 1), "Invalid update version 3 for feature transaction.version. "+
		"Local controller 1 only supports versions 0-2")
	invalid(update("streams.version", 1, 1), "Invalid update version 1 for feature streams.version. "+
		"Local controller 1 does not support this feature.")
	invalid(update("nothing", 0, 1), "Invalid update version 0 for feature nothing. Feature nothing not found.")
	invalid(update(features.TransactionVersion, 0, 1), "Invalid update version 0 for feature transaction.version. "+
		"Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe "+
		"downgrade.")
	invalid(update(features.TransactionVersion, 2, 2), "Invalid update version 2 for feature transaction.version. "+
		"Can't downgrade to a newer version.")
	invalid(update(features.MetadataVersion, 0, 2), "Invalid update version 0 for feature metadata.version. "+
		"Local controller 1 only supports versions 7-30")
	invalid(update(features.MetadataVersion, 29, 2), "Unsupported metadata.version downgrade from 30 to 29. "+
		"Refusing to perform the requested downgrade because it might delete metadata information.")
	invalid(update(features.MetadataVersion, 29, 3), "Unsupported metadata.version downgrade from 30 to 29. "+
		"Unsafe metadata downgrade is not supported in this version.")
	two := update(features.GroupVersion, 1, features.UpgradeOnly)
	two.Updates = append(two.Updates, features.Update{Name: features.GroupVersion + "x", Level: 1, Upgrade: 1})
	invalid(two, "Invalid update version 1 for feature group.versionx. Local controller 1 does not support this "+
		"feature.")
	if w.tail.Feature(features.GroupVersion) != 0 {
		t.Error("half of a refused request was carried out")
	}
}

func TestFeaturesDependOnTheMetadataVersion(t *testing.T) {
	w := featureWorld(t, nil)
	w.refuses(update(features.GroupVersion, 1, features.UpgradeOnly), protocol.InvalidUpdateVersion,
		"The update failed for all features since the following feature had an error: Invalid update version 1 "+
			"for feature group.version. group.version could not be set to 1 because it depends on "+
			"metadata.version=7 (3.3-IV3)")
}

func TestFeaturesAreWhatEveryBrokerServes(t *testing.T) {
	w := featureWorld(t, map[string]int32{features.MetadataVersion: 20})
	older := features.Ranges{features.MetadataVersion: {Min: 7, Max: 25}, features.TransactionVersion: {Max: 1}}
	w.do(controller.RegisterBroker{ID: 2, Directory: [16]byte{2}, Features: older})
	w.refuses(update(features.TransactionVersion, 2, features.UpgradeOnly), protocol.InvalidUpdateVersion,
		"The update failed for all features since the following feature had an error: Invalid update version 2 "+
			"for feature transaction.version. Broker 2 only supports versions 0-1")
	w.do(update(features.TransactionVersion, 1, features.UpgradeOnly))
	older[features.MetadataVersion] = features.Range{Min: 7, Max: 19}
	w.refuses(controller.RegisterBroker{ID: 3, Directory: [16]byte{3}, Features: older}, protocol.UnsupportedVersion,
		"Unable to register because the broker does not support finalized version 20 of metadata.version. The "+
			"broker wants a version between 7 and 19, inclusive.")
}
