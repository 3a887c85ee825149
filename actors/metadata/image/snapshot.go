package image

import (
	"fmt"
	"maps"
	"slices"

	"github.com/benbjohnson/immutable"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/storage/wal"
)

// Snapshot returns the whole image in its durable form. Equal images give equal snapshots.
func (i *Image) Snapshot() *metadatapb.Snapshot {
	s := &metadatapb.Snapshot{
		ClusterId:      i.clusterID,
		Version:        i.version,
		NextGroup:      uint64(i.nextGroup),
		NextProducerId: i.nextProducerID,
		DefaultConfigs: configsTo(i.defaults),
		Topics:         make([]*metadatapb.Topic, 0, i.TopicCount()),
	}
	for _, broker := range i.Brokers() {
		s.Brokers = append(s.Brokers, brokerTo(broker))
	}
	for topic := range i.Topics() {
		s.Topics = append(s.Topics, topicTo(topic))
	}
	for _, broker := range slices.Sorted(maps.Keys(i.brokerConfigs)) {
		s.BrokerConfigs = append(s.BrokerConfigs, &metadatapb.BrokerConfigs{
			Broker:  broker,
			Configs: configsTo(i.brokerConfigs[broker]),
		})
	}
	for group := range i.ConfiguredGroups() {
		s.GroupConfigs = append(s.GroupConfigs, &metadatapb.GroupConfigs{
			Group:   group,
			Configs: configsTo(i.GroupConfigs(group)),
		})
	}
	s.Features = LevelsProto(i.features).GetFeatures()
	for _, expected := range i.Expected() {
		s.Expected = append(s.Expected, expectedTo(expected))
	}
	for _, id := range slices.Sorted(maps.Keys(i.retired)) {
		s.Retired = append(s.Retired, &metadatapb.Retired{Id: id, Incarnation: i.retired[id]})
	}
	s.Founders = i.Founders()
	return s
}

// FromSnapshot rebuilds an image. It checks what Apply promises and fails on a snapshot that breaks it,
// since such a snapshot was not written by us.
func FromSnapshot(s *metadatapb.Snapshot) (*Image, error) {
	i := New()
	i.clusterID = s.GetClusterId()
	i.version = s.GetVersion()
	i.nextGroup = wal.GroupID(s.GetNextGroup())
	i.nextProducerID = s.GetNextProducerId()
	i.defaults = configsFrom(s.GetDefaultConfigs())
	if i.nextGroup <= MetadataGroup || i.nextProducerID < 0 {
		return nil, corrupt("next group %d, next producer id %d", i.nextGroup, i.nextProducerID)
	}
	for _, configs := range s.GetGroupConfigs() {
		if restored := configsFrom(configs.GetConfigs()); restored != nil {
			i.groupConfigs = i.groupConfigs.Set(configs.GetGroup(), restored)
		}
	}
	if err := i.restoreBrokers(s); err != nil {
		return nil, err
	}
	if err := i.restoreTopics(s.GetTopics()); err != nil {
		return nil, err
	}
	return i, nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: snapshot with %s", metadatapb.ErrCorrupt, fmt.Sprintf(format, args...))
}

func (i *Image) restoreBrokers(s *metadatapb.Snapshot) error {
	for _, broker := range s.GetBrokers() {
		restored, err := brokerFrom(broker)
		if err != nil {
			return err
		}
		if i.brokers[restored.ID] != nil {
			return corrupt("broker %d twice", restored.ID)
		}
		set(&i.brokers, restored.ID, restored)
	}
	for _, configs := range s.GetBrokerConfigs() {
		if restored := configsFrom(configs.GetConfigs()); restored != nil {
			set(&i.brokerConfigs, configs.GetBroker(), restored)
		}
	}
	for _, expected := range s.GetExpected() {
		if expected.GetId() < 0 || i.brokers[expected.GetId()] != nil {
			return corrupt("broker %d expected and registered", expected.GetId())
		}
		set(&i.expected, expected.GetId(), expectedFrom(expected))
	}
	for _, retired := range s.GetRetired() {
		if retired.GetIncarnation() == 0 || i.brokers[retired.GetId()] != nil {
			return corrupt("broker %d retired and registered", retired.GetId())
		}
		set(&i.retired, retired.GetId(), retired.GetIncarnation())
	}
	i.founders = slices.Compact(slices.Sorted(slices.Values(s.GetFounders())))
	if len(s.GetFeatures()) > 0 {
		i.features = levelsFrom(s.GetFeatures())
	}
	return nil
}

// restoreTopics fills the trees through builders, which change nodes in place while nobody else sees them.
func (i *Image) restoreTopics(topics []*metadatapb.Topic) error {
	byName := immutable.NewSortedMapBuilder[string, *Topic](nil)
	byID := immutable.NewMapBuilder[TopicID, *Topic](idHasher{})
	collisions := immutable.NewMapBuilder[string, string](nil)
	groups := make(map[wal.GroupID]bool)
	for _, stored := range topics {
		topic, err := i.topicFrom(stored, groups)
		if err != nil {
			return err
		}
		if _, twice := byName.Get(topic.Name); twice {
			return corrupt("topic %s twice", topic.Name)
		}
		if _, twice := byID.Get(topic.ID); twice {
			return corrupt("topic id %s twice", topic.ID)
		}
		byName.Set(topic.Name, topic)
		byID.Set(topic.ID, topic)
		if key, can := unified(topic.Name); can {
			if other, collides := collisions.Get(key); collides {
				return corrupt("topics %s and %s, which collide", other, topic.Name)
			}
			collisions.Set(key, topic.Name)
		}
		i.partitions += len(topic.Partitions)
	}
	i.topics, i.ids, i.collisions = byName.Map(), byID.Map(), collisions.Map()
	return nil
}

// topicFrom restores a topic of the image, whose partitions have groups that no other one has.
func (i *Image) topicFrom(stored *metadatapb.Topic, groups map[wal.GroupID]bool) (*Topic, error) {
	topic, err := topicFrom(stored)
	if err != nil {
		return nil, err
	}
	for _, p := range topic.Partitions {
		if p.Group <= MetadataGroup || p.Group >= i.nextGroup || groups[p.Group] {
			return nil, corrupt("partition %s-%d in group %d", topic.Name, p.Index, p.Group)
		}
		groups[p.Group] = true
	}
	return topic, nil
}

func topicFrom(stored *metadatapb.Topic) (*Topic, error) {
	id, err := idFrom(stored.GetId())
	if err != nil || InvalidTopicName(stored.GetName()) != "" || len(stored.GetPartitions()) == 0 {
		return nil, corrupt("malformed topic %q", stored.GetName())
	}
	topic := &Topic{Name: stored.GetName(), ID: id, Configs: configsFrom(stored.GetConfigs())}
	topic.Partitions = make([]Partition, len(stored.GetPartitions()))
	for index, partition := range stored.GetPartitions() {
		restored, err := partitionFrom(partition)
		if err != nil {
			return nil, err
		}
		restored.Index = int32(index)
		topic.Partitions[index] = restored
	}
	return topic, nil
}

func topicTo(topic *Topic) *metadatapb.Topic {
	stored := &metadatapb.Topic{
		Name:       topic.Name,
		Id:         topic.ID[:],
		Configs:    configsTo(topic.Configs),
		Partitions: make([]*metadatapb.Partition, len(topic.Partitions)),
	}
	for index, partition := range topic.Partitions {
		stored.Partitions[index] = partitionTo(partition)
	}
	return stored
}

// EndpointProto returns the durable form of an endpoint, for the command that registers a broker.
func EndpointProto(endpoint Endpoint) *metadatapb.Endpoint {
	return &metadatapb.Endpoint{
		Listener:         endpoint.Listener,
		Host:             endpoint.Host,
		Port:             endpoint.Port,
		SecurityProtocol: endpoint.SecurityProtocol,
	}
}

// Endpoints is the inverse of EndpointProto, for a list.
func Endpoints(stored []*metadatapb.Endpoint) []Endpoint {
	if len(stored) == 0 {
		return nil
	}
	endpoints := make([]Endpoint, len(stored))
	for n, endpoint := range stored {
		endpoints[n] = Endpoint{
			Listener:         endpoint.GetListener(),
			Host:             endpoint.GetHost(),
			Port:             endpoint.GetPort(),
			SecurityProtocol: endpoint.GetSecurityProtocol(),
		}
	}
	return endpoints
}

func configsTo(configs Configs) []*metadatapb.Config {
	stored := make([]*metadatapb.Config, 0, len(configs))
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		stored = append(stored, &metadatapb.Config{Name: name, Value: configs[name]})
	}
	return stored
}

func configsFrom(stored []*metadatapb.Config) Configs {
	if len(stored) == 0 {
		return nil
	}
	configs := make(Configs, len(stored))
	for _, config := range stored {
		configs[config.GetName()] = config.GetValue()
	}
	return configs
}

// set writes to a map that nobody else sees yet.
func set[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}
