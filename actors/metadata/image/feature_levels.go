package image

import (
	"maps"
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// LevelsProto returns the durable form of feature levels, by name.
func LevelsProto(levels map[string]int32) *metadatapb.UpdateFeatures {
	stored := &metadatapb.UpdateFeatures{}
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		stored.Features = append(stored.Features, &metadatapb.Feature{Name: name, Level: levels[name]})
	}
	return stored
}

func levelsFrom(stored []*metadatapb.Feature) map[string]int32 {
	levels := make(map[string]int32, len(stored))
	for _, one := range stored {
		levels[one.GetName()] = one.GetLevel()
	}
	return levels
}

// RangesProto returns the durable form of the feature levels that a broker serves, by name.
func RangesProto(ranges features.Ranges) []*metadatapb.FeatureRange {
	var stored []*metadatapb.FeatureRange
	for _, name := range ranges.Names() {
		one := ranges[name]
		stored = append(stored, &metadatapb.FeatureRange{Name: name, Min: one.Min, Max: one.Max})
	}
	return stored
}

// Ranges is the inverse of RangesProto.
func Ranges(stored []*metadatapb.FeatureRange) features.Ranges {
	if len(stored) == 0 {
		return nil
	}
	ranges := make(features.Ranges, len(stored))
	for _, one := range stored {
		ranges[one.GetName()] = features.Range{Min: one.GetMin(), Max: one.GetMax()}
	}
	return ranges
}
