package image

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/storage/wal"
)

// ErrConflict is wrapped by the error of a Rejected event: the command did not fit the image. Commands
// are checked before they are proposed, so it means that somebody proposed without looking.
var ErrConflict = errors.New("command does not fit the metadata")

// Apply returns the image after a command and what the command changed. A command that does not fit
// gives a Rejected event and an image that differs in its version only.
func (i *Image) Apply(command *metadatapb.Command) (*Image, Event) {
	next := *i
	next.version++
	event, err := next.apply(command)
	if err != nil {
		rejected := *i
		rejected.version++
		return &rejected, Rejected{Err: err}
	}
	return &next, event
}

// apply changes a shallow copy in place. It may replace what the copy refers to, and never writes to it.
func (i *Image) apply(command *metadatapb.Command) (Event, error) {
	switch kind := command.GetKind().(type) {
	case *metadatapb.Command_FormCluster:
		return i.formCluster(kind.FormCluster)
	case *metadatapb.Command_RegisterBroker:
		return i.registerBroker(kind.RegisterBroker)
	case *metadatapb.Command_UnregisterBroker:
		return i.unregisterBroker(kind.UnregisterBroker)
	case *metadatapb.Command_CreateTopic:
		return i.createTopic(kind.CreateTopic)
	case *metadatapb.Command_DeleteTopic:
		return i.deleteTopic(kind.DeleteTopic)
	case *metadatapb.Command_CreatePartitions:
		return i.createPartitions(kind.CreatePartitions)
	case *metadatapb.Command_AlterConfig:
		return i.alterConfig(kind.AlterConfig)
	case *metadatapb.Command_AllocateProducerIds:
		return i.allocateProducerIDs(kind.AllocateProducerIds)
	case *metadatapb.Command_UpdateFeatures:
		return i.updateFeatures(kind.UpdateFeatures)
	case *metadatapb.Command_ReassignPartitions:
		return i.reassignPartitions(kind.ReassignPartitions)
	case *metadatapb.Command_CompleteReassignment:
		return i.completeReassignment(kind.CompleteReassignment)
	case *metadatapb.Command_ExpectBroker:
		return i.expectBroker(kind.ExpectBroker.GetBroker())
	}
	return nil, conflict("unknown kind of command %T", command.GetKind())
}

func conflict(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConflict, fmt.Sprintf(format, args...))
}

func (i *Image) formCluster(c *metadatapb.FormCluster) (Event, error) {
	if c.GetClusterId() == "" {
		return nil, conflict("empty cluster id")
	}
	if i.clusterID != "" {
		return nil, conflict("cluster %s has been formed already", i.clusterID)
	}
	i.clusterID = c.GetClusterId()
	i.features = maps.Clone(c.GetFeatures())
	maps.DeleteFunc(i.features, func(_ string, level int32) bool { return level == 0 })
	i.founders = slices.Compact(slices.Sorted(slices.Values(c.GetFounders())))
	return ClusterFormed{ClusterID: i.clusterID}, nil
}

func (i *Image) alterConfig(c *metadatapb.AlterConfig) (Event, error) {
	if c.GetGroup() != "" {
		return i.alterGroupConfig(c)
	}
	switch c.GetResource() {
	case metadatapb.Resource_RESOURCE_TOPIC:
		return i.alterTopicConfig(c)
	case metadatapb.Resource_RESOURCE_BROKER:
		return i.alterBrokerConfig(c)
	}
	return nil, conflict("unknown kind of resource %d", c.GetResource())
}

func (i *Image) alterGroupConfig(c *metadatapb.AlterConfig) (Event, error) {
	if configs := altered(i.GroupConfigs(c.GetGroup()), c); configs != nil {
		i.groupConfigs = i.groupConfigs.Set(c.GetGroup(), configs)
	} else {
		i.groupConfigs = i.groupConfigs.Delete(c.GetGroup())
	}
	return GroupConfigured{Group: c.GetGroup()}, nil
}

func (i *Image) alterBrokerConfig(c *metadatapb.AlterConfig) (Event, error) {
	if c.GetName() == "" {
		i.defaults = altered(i.defaults, c)
		return BrokerConfigured{Default: true}, nil
	}
	broker, err := strconv.ParseInt(c.GetName(), 10, 32)
	if err != nil || broker < 0 {
		return nil, conflict("broker %q", c.GetName())
	}
	configs := altered(i.brokerConfigs[int32(broker)], c)
	if configs == nil {
		i.brokerConfigs = without(i.brokerConfigs, int32(broker))
	} else {
		i.brokerConfigs = with(i.brokerConfigs, int32(broker), configs)
	}
	return BrokerConfigured{Broker: int32(broker)}, nil
}

func (i *Image) allocateProducerIDs(c *metadatapb.AllocateProducerIds) (Event, error) {
	count := int64(c.GetCount())
	if count <= 0 || i.nextProducerID > math.MaxInt64-count {
		return nil, conflict("%d producer ids from %d", count, i.nextProducerID)
	}
	first := i.nextProducerID
	i.nextProducerID += count
	return ProducerIDsAllocated{Broker: c.GetBroker(), First: first, Count: count}, nil
}

func (i *Image) updateFeatures(c *metadatapb.UpdateFeatures) (Event, error) {
	levels := map[string]int32{}
	for _, one := range c.GetFeatures() {
		if one.GetName() == "" || one.GetLevel() < 0 {
			return nil, conflict("feature %q at level %d", one.GetName(), one.GetLevel())
		}
		levels[one.GetName()] = one.GetLevel()
	}
	for name, level := range levels {
		if level == 0 {
			i.features = without(i.features, name)
		} else {
			i.features = with(i.features, name, level)
		}
	}
	return FeaturesUpdated{Levels: levels}, nil
}

// takeGroup hands out the next Raft group.
func (i *Image) takeGroup() wal.GroupID {
	group := i.nextGroup
	i.nextGroup++
	return group
}

// altered returns the configs after a command, nil when none are left.
func altered(configs Configs, c *metadatapb.AlterConfig) Configs {
	next := make(Configs, len(configs)+len(c.GetSet()))
	maps.Copy(next, configs)
	maps.Copy(next, c.GetSet())
	for _, name := range c.GetRemove() {
		delete(next, name)
	}
	if len(next) == 0 {
		return nil
	}
	return next
}

// with returns a copy of a small map with one more entry.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	next := make(map[K]V, len(m)+1)
	maps.Copy(next, m)
	next[key] = value
	return next
}

// without returns a copy of a small map with one entry less, nil when none is left.
func without[K comparable, V any](m map[K]V, key K) map[K]V {
	next := maps.Clone(m)
	delete(next, key)
	if len(next) == 0 {
		return nil
	}
	return next
}
