package image

import (
	"maps"
	"math"
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

func (i *Image) createTopic(c *metadatapb.CreateTopic) (Event, error) {
	id, err := idFrom(c.GetId())
	if err != nil {
		return nil, err
	}
	if reason := InvalidTopicName(c.GetName()); reason != "" {
		return nil, conflict("%s", reason)
	}
	if i.Topic(c.GetName()) != nil || i.TopicByID(id) != nil {
		return nil, conflict("topic %s (%s) is there already", c.GetName(), id)
	}
	if other, found := i.Colliding(c.GetName()); found {
		return nil, conflict("topic %s collides with %s", c.GetName(), other)
	}
	topic := &Topic{Name: c.GetName(), ID: id}
	if len(c.GetConfigs()) > 0 {
		topic.Configs = maps.Clone(Configs(c.GetConfigs()))
	}
	if topic.Partitions, err = i.appendPartitions(nil, c.GetPartitions()); err != nil {
		return nil, err
	}
	i.putTopic(topic)
	if key, can := unified(topic.Name); can {
		i.collisions = i.collisions.Set(key, topic.Name)
	}
	return TopicCreated{Topic: topic}, nil
}

func (i *Image) deleteTopic(c *metadatapb.DeleteTopic) (Event, error) {
	topic, err := i.existing(c.GetId())
	if err != nil {
		return nil, err
	}
	i.topics = i.topics.Delete(topic.Name)
	i.ids = i.ids.Delete(topic.ID)
	i.partitions -= len(topic.Partitions)
	if key, can := unified(topic.Name); can {
		i.collisions = i.collisions.Delete(key)
	}
	return TopicDeleted{Topic: topic}, nil
}

func (i *Image) createPartitions(c *metadatapb.CreatePartitions) (Event, error) {
	topic, err := i.existing(c.GetId())
	if err != nil {
		return nil, err
	}
	if int(c.GetFrom()) != len(topic.Partitions) {
		return nil, conflict("topic %s has %d partitions, not %d", topic.Name, len(topic.Partitions), c.GetFrom())
	}
	changed := *topic
	if changed.Partitions, err = i.appendPartitions(topic.Partitions, c.GetPartitions()); err != nil {
		return nil, err
	}
	i.partitions -= len(topic.Partitions)
	i.putTopic(&changed)
	return PartitionsCreated{Topic: &changed, From: c.GetFrom()}, nil
}

func (i *Image) alterTopicConfig(c *metadatapb.AlterConfig) (Event, error) {
	topic := i.Topic(c.GetName())
	if topic == nil {
		return nil, conflict("no topic %q", c.GetName())
	}
	changed := *topic
	changed.Configs = altered(topic.Configs, c)
	i.partitions -= len(topic.Partitions)
	i.putTopic(&changed)
	return TopicConfigured{Topic: &changed}, nil
}

// putTopic stores a new version of a topic and counts its partitions.
func (i *Image) putTopic(topic *Topic) {
	i.topics = i.topics.Set(topic.Name, topic)
	i.ids = i.ids.Set(topic.ID, topic)
	i.partitions += len(topic.Partitions)
}

// appendPartitions returns the old partitions and one more per assignment, each with a Raft group of its
// own. The result shares no memory with the old ones.
func (i *Image) appendPartitions(old []Partition, added []*metadatapb.Assignment) ([]Partition, error) {
	if len(added) == 0 || len(old)+len(added) > math.MaxInt32 {
		return nil, conflict("%d more partitions", len(added))
	}
	partitions := make([]Partition, len(old), len(old)+len(added))
	copy(partitions, old)
	for _, assignment := range added {
		replicas, err := i.replicasOf(assignment.GetBrokers())
		if err != nil {
			return nil, err
		}
		partitions = append(partitions, Partition{
			Index:        int32(len(partitions)),
			Group:        i.takeGroup(),
			Replicas:     replicas,
			Founders:     replicas,
			NextAddition: 1,
		})
	}
	return partitions, nil
}

// replicasOf turns brokers into their current replica ids.
func (i *Image) replicasOf(brokers []int32) ([]ReplicaID, error) {
	if len(brokers) == 0 {
		return nil, conflict("partition without replicas")
	}
	replicas := make([]ReplicaID, 0, len(brokers))
	for _, id := range brokers {
		broker := i.brokers[id]
		if broker == nil {
			return nil, conflict("broker %d is not registered", id)
		}
		if slices.Contains(replicas, broker.Replica()) {
			return nil, conflict("broker %d holds a partition twice", id)
		}
		replicas = append(replicas, broker.Replica())
	}
	return replicas, nil
}

func (i *Image) existing(data []byte) (*Topic, error) {
	id, err := idFrom(data)
	if err != nil {
		return nil, err
	}
	topic := i.TopicByID(id)
	if topic == nil {
		return nil, conflict("no topic %s", id)
	}
	return topic, nil
}

func idFrom(data []byte) (TopicID, error) {
	if len(data) != len(TopicID{}) {
		return TopicID{}, conflict("topic id of %d bytes", len(data))
	}
	id := TopicID(data)
	if id.Reserved() {
		return TopicID{}, conflict("reserved topic id %s", id)
	}
	return id, nil
}
