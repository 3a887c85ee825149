package features

import (
	"fmt"
	"maps"
	"slices"
)

// The names of the features that are served.
const (
	MetadataVersion    = "metadata.version"
	TransactionVersion = "transaction.version"
	GroupVersion       = "group.version"
)

// The highest levels that this program serves, which are also those that a new cluster begins with. A feature
// whose highest level is 0 is not told to anybody.
const (
	metadataVersionServed    = 30 // Kafka calls it 4.3-IV0
	transactionVersionServed = 2
	groupVersionServed       = 1
)

// oldestMetadataVersion is the lowest level that Kafka 4 supports, on which all other features depend.
const (
	oldestMetadataVersion = 7
	oldestMetadataRelease = "3.3-IV3"
)

// Range is the levels of a feature that a broker serves, both included. The zero value serves level 0 only,
// which is to say that the feature is off.
type Range struct{ Min, Max int32 }

// Has tells whether a level is in the range.
func (r Range) Has(level int32) bool { return level >= r.Min && level <= r.Max }

// String formats a range as Kafka does.
func (r Range) String() string {
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

// Ranges are the levels that a broker serves, by feature.
type Ranges map[string]Range

// Names returns the features of the ranges in order.
func (r Ranges) Names() []string { return slices.Sorted(maps.Keys(r)) }

// Supported returns what this program serves. The map is the caller's.
func Supported() Ranges {
	served := Ranges{
		MetadataVersion:    {oldestMetadataVersion, metadataVersionServed},
		TransactionVersion: {0, transactionVersionServed},
		GroupVersion:       {0, groupVersionServed},
	}
	maps.DeleteFunc(served, func(_ string, r Range) bool { return r.Max == 0 })
	return served
}

// Initial returns the levels that a new cluster begins with. The map is the caller's.
func Initial() map[string]int32 {
	levels := map[string]int32{}
	for name, served := range Supported() {
		levels[name] = served.Max
	}
	return levels
}

// unserved are the other features of Kafka 4.3. They are off for good: level 0 may be asked for.
var unserved = []string{
	"eligible.leader.replicas.version", "kraft.version", "share.version", "streams.version",
}

// Known tells whether Kafka has a feature of that name, served or not.
func Known(name string) bool {
	return name == MetadataVersion || name == TransactionVersion || name == GroupVersion ||
		slices.Contains(unserved, name)
}
