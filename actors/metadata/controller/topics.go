package controller

import (
	"maps"
	"slices"
	"strings"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/config"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
)

// createTopic checks in Kafka's order: the name, whether it is taken, the configs, then the partitions.
func (p *Planner) createTopic(tail *image.Image, r CreateTopic) (*metadatapb.Command, error) {
	if err := checkNewName(tail, r.Name); err != nil {
		return nil, err
	}
	configs, err := p.topicConfigs(tail, r.Configs)
	if err != nil {
		return nil, err
	}
	partitions, err := p.placeTopic(tail, r)
	if err != nil {
		return nil, err
	}
	id, err := p.newID(tail)
	if err != nil {
		return nil, err
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: &metadatapb.CreateTopic{
		Name:       r.Name,
		Id:         id[:],
		Partitions: partitions,
		Configs:    configs,
	}}}, nil
}

// checkNewName says why no topic of that name can be made.
func checkNewName(tail *image.Image, name string) error {
	if name == image.MetadataTopic {
		return refuse(protocol.InvalidRequest, "Creation of internal topic %s is prohibited.", name)
	}
	if reason := image.InvalidTopicName(name); reason != "" {
		return &protocol.Error{Code: protocol.InvalidTopicException, Message: reason}
	}
	if tail.Topic(name) != nil {
		return refuse(protocol.TopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if other, found := tail.Colliding(name); found {
		return refuse(protocol.InvalidTopicException, "Topic '%s' collides with existing topic: %s", name, other)
	}
	return nil
}

// topicConfigs checks the configs of a new topic and returns them, nil if there are none.
func (p *Planner) topicConfigs(tail *image.Image, wanted map[string]*string) (map[string]string, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	configs := make(map[string]string, len(wanted))
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if wanted[name] == nil {
			missing = append(missing, name)
			continue
		}
		configs[name] = *wanted[name]
	}
	if len(missing) > 0 {
		return nil, refuse(protocol.InvalidConfig, "Null value not supported for topic configs: %s",
			strings.Join(missing, ","))
	}
	return configs, config.ValidateTopic(configs, p.layers(tail, nil))
}

// newID draws an id that no topic has. That a random one is taken will not happen; it costs nothing to look.
func (p *Planner) newID(tail *image.Image) (image.TopicID, error) {
	for {
		id, err := image.NewTopicID(p.random)
		if err != nil || tail.TopicByID(id) == nil {
			return id, err
		}
	}
}

func deleteTopic(tail *image.Image, r DeleteTopic) (*metadatapb.Command, error) {
	if tail.TopicByID(r.ID) == nil {
		return nil, refuse(protocol.UnknownTopicID, "This server does not host this topic ID.")
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_DeleteTopic{DeleteTopic: &metadatapb.DeleteTopic{
		Id: r.ID[:],
	}}}, nil
}

func (p *Planner) createPartitions(tail *image.Image, r CreatePartitions) (*metadatapb.Command, error) {
	topic := tail.Topic(r.Topic)
	if topic == nil {
		return nil, refuse(protocol.UnknownTopicOrPartition, "This server does not host this topic-partition.")
	}
	current := int32(len(topic.Partitions))
	switch {
	case r.Count == current:
		return nil, refuse(protocol.InvalidPartitions, "Topic already has %d partition(s).", current)
	case r.Count < current:
		return nil, refuse(protocol.InvalidPartitions, "The topic %s currently has %d partition(s); "+
			"%d would not be an increase.", topic.Name, current, r.Count)
	case r.Assigned && int64(len(r.Assignments)) != int64(r.Count)-int64(current):
		return nil, refuse(protocol.InvalidReplicaAssignment, "Attempted to add %d additional partition(s), "+
			"but only %d assignment(s) were specified.", r.Count-current, len(r.Assignments))
	case r.Count-current > MaxPartitions:
		return nil, refuse(protocol.PolicyViolation, "Excessively large number of partitions per request.")
	}
	partitions, err := p.placeMore(tail, topic, r)
	if err != nil {
		return nil, err
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_CreatePartitions{
		CreatePartitions: &metadatapb.CreatePartitions{Id: topic.ID[:], From: current, Partitions: partitions},
	}}, nil
}
