package image

import (
	"fmt"

	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// EncodeEvent returns an event as it travels to the broker where a change was asked for; nil for nil and for
// Rejected, which is an error there.
func EncodeEvent(event Event) *metadatapb.Event {
	switch e := event.(type) {
	case ClusterFormed:
		return &metadatapb.Event{Kind: &metadatapb.Event_ClusterFormed{
			ClusterFormed: &metadatapb.ClusterFormed{ClusterId: e.ClusterID}}}
	case BrokerRegistered:
		return encodeRegistered(e)
	case BrokerUnregistered:
		return &metadatapb.Event{Kind: &metadatapb.Event_BrokerUnregistered{BrokerUnregistered: brokerTo(e.Broker)}}
	case BrokerExpected:
		return &metadatapb.Event{Kind: &metadatapb.Event_BrokerExpected{BrokerExpected: expectedTo(e.Expected)}}
	case BrokerConfigured:
		return &metadatapb.Event{Kind: &metadatapb.Event_BrokerConfigured{
			BrokerConfigured: &metadatapb.BrokerConfigured{Broker: e.Broker, Default: e.Default}}}
	case GroupConfigured:
		return &metadatapb.Event{Kind: &metadatapb.Event_GroupConfigured{GroupConfigured: e.Group}}
	case ProducerIDsAllocated:
		return &metadatapb.Event{Kind: &metadatapb.Event_ProducerIdsAllocated{
			ProducerIdsAllocated: &metadatapb.ProducerIdsAllocated{
				Broker: e.Broker, First: e.First, Count: e.Count}}}
	case ReassignmentsPlanned:
		return &metadatapb.Event{Kind: &metadatapb.Event_ReassignmentsPlanned{ReassignmentsPlanned: e.Partitions}}
	case FeaturesUpdated:
		return &metadatapb.Event{Kind: &metadatapb.Event_FeaturesUpdated{FeaturesUpdated: LevelsProto(e.Levels)}}
	}
	return encodeTopicEvent(event)
}

func encodeRegistered(e BrokerRegistered) *metadatapb.Event {
	registered := &metadatapb.BrokerRegistered{Broker: brokerTo(e.Broker)}
	if e.Previous != nil {
		registered.Previous = brokerTo(e.Previous)
	}
	for _, topic := range e.Topics {
		registered.Topics = append(registered.Topics, topicTo(topic))
	}
	return &metadatapb.Event{Kind: &metadatapb.Event_BrokerRegistered{BrokerRegistered: registered}}
}

func encodeTopicEvent(event Event) *metadatapb.Event {
	switch e := event.(type) {
	case TopicCreated:
		return &metadatapb.Event{Kind: &metadatapb.Event_TopicCreated{TopicCreated: topicTo(e.Topic)}}
	case TopicDeleted:
		return &metadatapb.Event{Kind: &metadatapb.Event_TopicDeleted{TopicDeleted: topicTo(e.Topic)}}
	case TopicConfigured:
		return &metadatapb.Event{Kind: &metadatapb.Event_TopicConfigured{TopicConfigured: topicTo(e.Topic)}}
	case PartitionsCreated:
		return &metadatapb.Event{Kind: &metadatapb.Event_PartitionsCreated{
			PartitionsCreated: &metadatapb.PartitionsCreated{Topic: topicTo(e.Topic), From: e.From}}}
	case PartitionsReassigned:
		return &metadatapb.Event{Kind: &metadatapb.Event_PartitionsReassigned{
			PartitionsReassigned: &metadatapb.PartitionsReassigned{
				Topic: topicTo(e.Topic), Partitions: e.Partitions}}}
	case ReassignmentCompleted:
		return &metadatapb.Event{Kind: &metadatapb.Event_ReassignmentCompleted{
			ReassignmentCompleted: &metadatapb.ReassignmentCompleted{
				Topic: topicTo(e.Topic), Partition: e.Partition}}}
	}
	return nil
}

// DecodeEvent is the inverse of EncodeEvent. Errors wrap metadatapb.ErrCorrupt.
func DecodeEvent(stored *metadatapb.Event) (Event, error) {
	switch e := stored.GetKind().(type) {
	case nil:
		return nil, nil
	case *metadatapb.Event_ClusterFormed:
		return ClusterFormed{ClusterID: e.ClusterFormed.GetClusterId()}, nil
	case *metadatapb.Event_BrokerRegistered:
		return decodeRegistered(e.BrokerRegistered)
	case *metadatapb.Event_BrokerUnregistered:
		// One that never registered has nothing but an id.
		broker, err := brokerFrom(e.BrokerUnregistered)
		if err != nil {
			broker = &Broker{ID: e.BrokerUnregistered.GetId()}
		}
		return BrokerUnregistered{Broker: broker}, nil
	case *metadatapb.Event_BrokerExpected:
		return BrokerExpected{Expected: expectedFrom(e.BrokerExpected)}, nil
	case *metadatapb.Event_BrokerConfigured:
		configured := e.BrokerConfigured
		return BrokerConfigured{Broker: configured.GetBroker(), Default: configured.GetDefault()}, nil
	case *metadatapb.Event_GroupConfigured:
		return GroupConfigured{Group: e.GroupConfigured}, nil
	case *metadatapb.Event_ProducerIdsAllocated:
		ids := e.ProducerIdsAllocated
		return ProducerIDsAllocated{Broker: ids.GetBroker(), First: ids.GetFirst(), Count: ids.GetCount()}, nil
	case *metadatapb.Event_ReassignmentsPlanned:
		return ReassignmentsPlanned{Partitions: e.ReassignmentsPlanned}, nil
	case *metadatapb.Event_FeaturesUpdated:
		return FeaturesUpdated{Levels: levelsFrom(e.FeaturesUpdated.GetFeatures())}, nil
	}
	return decodeTopicEvent(stored)
}

func decodeRegistered(stored *metadatapb.BrokerRegistered) (Event, error) {
	broker, err := brokerFrom(stored.GetBroker())
	if err != nil {
		return nil, err
	}
	registered := BrokerRegistered{Broker: broker}
	if stored.GetPrevious() != nil {
		if registered.Previous, err = brokerFrom(stored.GetPrevious()); err != nil {
			return nil, err
		}
	}
	for _, one := range stored.GetTopics() {
		topic, err := topicFrom(one)
		if err != nil {
			return nil, err
		}
		registered.Topics = append(registered.Topics, topic)
	}
	return registered, nil
}

func decodeTopicEvent(stored *metadatapb.Event) (Event, error) {
	decode := func(stored *metadatapb.Topic, event func(*Topic) Event) (Event, error) {
		topic, err := topicFrom(stored)
		if err != nil {
			return nil, err
		}
		return event(topic), nil
	}
	switch e := stored.GetKind().(type) {
	case *metadatapb.Event_TopicCreated:
		return decode(e.TopicCreated, func(t *Topic) Event { return TopicCreated{Topic: t} })
	case *metadatapb.Event_TopicDeleted:
		return decode(e.TopicDeleted, func(t *Topic) Event { return TopicDeleted{Topic: t} })
	case *metadatapb.Event_TopicConfigured:
		return decode(e.TopicConfigured, func(t *Topic) Event { return TopicConfigured{Topic: t} })
	case *metadatapb.Event_PartitionsCreated:
		return decode(e.PartitionsCreated.GetTopic(), func(t *Topic) Event {
			return PartitionsCreated{Topic: t, From: e.PartitionsCreated.GetFrom()}
		})
	case *metadatapb.Event_PartitionsReassigned:
		return decode(e.PartitionsReassigned.GetTopic(), func(t *Topic) Event {
			return PartitionsReassigned{Topic: t, Partitions: e.PartitionsReassigned.GetPartitions()}
		})
	case *metadatapb.Event_ReassignmentCompleted:
		return decode(e.ReassignmentCompleted.GetTopic(), func(t *Topic) Event {
			return ReassignmentCompleted{Topic: t, Partition: e.ReassignmentCompleted.GetPartition()}
		})
	}
	return nil, fmt.Errorf("%w: event %T", metadatapb.ErrUnknown, stored.GetKind())
}
