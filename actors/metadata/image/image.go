package image

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"

	"github.com/benbjohnson/immutable"

	"github.com/chronik-go/chronik/storage/wal"
)

// MetadataGroup is the Raft group of the metadata log itself; partitions get the numbers after it.
const MetadataGroup wal.GroupID = 1

// Image is the state of the cluster. It never changes; any goroutine may read it.
type Image struct {
	clusterID      string
	version        uint64
	topics         *immutable.SortedMap[string, *Topic]
	ids            *immutable.Map[TopicID, *Topic]
	collisions     *immutable.Map[string, string] // unified name → name
	partitions     int
	brokers        map[int32]*Broker
	expected       map[int32]ExpectedBroker
	retired        map[int32]uint32 // the last incarnations of brokers that were unregistered
	founders       []int32          // ascending; never changed in place
	defaults       Configs
	brokerConfigs  map[int32]Configs
	groupConfigs   *immutable.SortedMap[string, Configs]
	features       map[string]int32
	nextGroup      wal.GroupID
	nextProducerID int64
}

// New returns the image before the first command: no cluster has been formed.
func New() *Image {
	return &Image{
		topics:     immutable.NewSortedMap[string, *Topic](nil),
		ids:        immutable.NewMap[TopicID, *Topic](idHasher{}),
		collisions: immutable.NewMap[string, string](nil),
		nextGroup:  MetadataGroup + 1,

		groupConfigs: immutable.NewSortedMap[string, Configs](nil),
	}
}

// ClusterID returns the id of the cluster, "" until it has been formed.
func (i *Image) ClusterID() string { return i.clusterID }

// Version returns the number of commands applied so far, rejected ones included.
func (i *Image) Version() uint64 { return i.version }

// Topic returns the topic of that name, or nil.
func (i *Image) Topic(name string) *Topic {
	topic, _ := i.topics.Get(name)
	return topic
}

// TopicByID returns the topic of that id, or nil.
func (i *Image) TopicByID(id TopicID) *Topic {
	topic, _ := i.ids.Get(id)
	return topic
}

// Topics visits all topics in the order of their names.
func (i *Image) Topics() iter.Seq[*Topic] { return i.TopicsFrom("") }

// TopicsFrom visits the topics whose name is not before the given one, in the order of their names.
func (i *Image) TopicsFrom(name string) iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		iterator := i.topics.Iterator()
		iterator.Seek(name)
		for !iterator.Done() {
			if _, topic, _ := iterator.Next(); !yield(topic) {
				return
			}
		}
	}
}

// TopicCount returns the number of topics.
func (i *Image) TopicCount() int { return i.topics.Len() }

// PartitionCount returns the number of partitions of all topics.
func (i *Image) PartitionCount() int { return i.partitions }

// Colliding returns the topic whose name differs from this one only in '.' and '_', if there is one.
// A topic of exactly this name counts too.
func (i *Image) Colliding(name string) (string, bool) {
	key, can := unified(name)
	if !can {
		return "", false
	}
	return i.collisions.Get(key)
}

// Broker returns a registered broker, or nil.
func (i *Image) Broker(id int32) *Broker { return i.brokers[id] }

// Brokers returns the registered brokers by id.
func (i *Image) Brokers() []*Broker {
	brokers := make([]*Broker, 0, len(i.brokers))
	for _, id := range slices.Sorted(maps.Keys(i.brokers)) {
		brokers = append(brokers, i.brokers[id])
	}
	return brokers
}

// HasBrokers tells whether any broker is registered.
func (i *Image) HasBrokers() bool { return len(i.brokers) > 0 }

// Expected returns the brokers that have been announced and have not registered yet, by id.
func (i *Image) Expected() []ExpectedBroker {
	expected := make([]ExpectedBroker, 0, len(i.expected))
	for _, id := range slices.Sorted(maps.Keys(i.expected)) {
		expected = append(expected, i.expected[id])
	}
	return expected
}

// Founders returns the nodes that the metadata log began with as voters and that have not been unregistered,
// ascending; none on a cluster that began as a single node.
func (i *Image) Founders() []int32 { return slices.Clone(i.founders) }

// Known tells whether a node belongs to the cluster: it is registered, expected, or a founder.
func (i *Image) Known(node int32) bool {
	_, expected := i.expected[node]
	return expected || i.brokers[node] != nil || slices.Contains(i.founders, node)
}

// Retired tells whether a broker was unregistered and has not come back.
func (i *Image) Retired(node int32) bool { return i.retired[node] != 0 }

// DefaultConfigs returns the dynamic configs of all brokers.
func (i *Image) DefaultConfigs() Configs { return i.defaults }

// BrokerConfigs returns the dynamic configs of one broker.
func (i *Image) BrokerConfigs(broker int32) Configs { return i.brokerConfigs[broker] }

// GroupConfigs returns the dynamic configs of a consumer group, which need not exist; nil if it has none.
func (i *Image) GroupConfigs(group string) Configs {
	configs, _ := i.groupConfigs.Get(group)
	return configs
}

// ConfiguredGroups visits the consumer groups that have dynamic configs, in order.
func (i *Image) ConfiguredGroups() iter.Seq[string] {
	return func(yield func(string) bool) {
		iterator := i.groupConfigs.Iterator()
		for !iterator.Done() {
			if group, _, _ := iterator.Next(); !yield(group) {
				return
			}
		}
	}
}

// Feature returns the finalized level of a feature, 0 if it has none.
func (i *Image) Feature(name string) int32 { return i.features[name] }

// Features returns a copy of the finalized feature levels.
func (i *Image) Features() map[string]int32 { return maps.Clone(i.features) }

// NextProducerID returns the first producer id that no broker has been given.
func (i *Image) NextProducerID() int64 { return i.nextProducerID }

// NextGroup returns the Raft group that the next partition will get.
func (i *Image) NextGroup() wal.GroupID { return i.nextGroup }

// idHasher hashes topic ids for the persistent map. Most of their bits are random; all of them count, since
// ids may come from other clusters that draw them differently.
type idHasher struct{}

// Hash implements immutable.Hasher.
func (idHasher) Hash(id TopicID) uint32 {
	const golden = 0x9e3779b97f4a7c15 // spreads each bit over the upper half
	mixed := (binary.LittleEndian.Uint64(id[:8])*golden ^ binary.LittleEndian.Uint64(id[8:])) * golden
	return uint32(mixed >> 32)
}

// Equal implements immutable.Hasher.
func (idHasher) Equal(a, b TopicID) bool { return a == b }
