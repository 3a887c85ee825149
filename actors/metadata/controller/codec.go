package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// EncodeRequest returns a request as it travels to the broker that leads the metadata log, or false if it is
// one that no other broker is asked for, such as FormCluster.
func EncodeRequest(request any) (*metadatapb.Question, bool) {
	switch r := request.(type) {
	case CreateTopic:
		return &metadatapb.Question{Kind: &metadatapb.Question_CreateTopic{
			CreateTopic: encodeCreateTopic(r)}}, true
	case DeleteTopic:
		return &metadatapb.Question{Kind: &metadatapb.Question_DeleteTopic{
			DeleteTopic: &metadatapb.DeleteTopic{Id: r.ID[:]}}}, true
	case CreatePartitions:
		return &metadatapb.Question{Kind: &metadatapb.Question_CreatePartitions{
			CreatePartitions: encodeCreatePartitions(r)}}, true
	case AlterConfig:
		return &metadatapb.Question{Kind: &metadatapb.Question_AlterConfig{
			AlterConfig: encodeAlterConfig(r)}}, true
	case RegisterBroker:
		return &metadatapb.Question{Kind: &metadatapb.Question_RegisterBroker{
			RegisterBroker: registration(r)}}, true
	case UnregisterBroker:
		return &metadatapb.Question{Kind: &metadatapb.Question_UnregisterBroker{
			UnregisterBroker: &metadatapb.UnregisterBroker{Id: r.ID}}}, true
	case ExpectBroker:
		return &metadatapb.Question{Kind: &metadatapb.Question_ExpectBroker{
			ExpectBroker: &metadatapb.ExpectBroker{Broker: &metadatapb.Expected{
				Id: r.ID, Raft: r.Raft, Kafka: r.Kafka}}}}, true
	case AllocateProducerIDs:
		return &metadatapb.Question{Kind: &metadatapb.Question_AllocateProducerIds{
			AllocateProducerIds: &metadatapb.AllocateProducerIds{Broker: r.Broker, Count: r.Count}}}, true
	case UpdateFeatures:
		return &metadatapb.Question{Kind: &metadatapb.Question_UpdateFeatures{
			UpdateFeatures: encodeUpdateFeatures(r)}}, true
	}
	return encodeReassignment(request)
}

func encodeReassignment(request any) (*metadatapb.Question, bool) {
	switch r := request.(type) {
	case ReassignPartition:
		return &metadatapb.Question{Kind: &metadatapb.Question_ReassignPartition{
			ReassignPartition: &metadatapb.ReassignPartitionRequest{Topic: r.Topic, Partition: r.Partition,
				Brokers: r.Brokers, Cancel: r.Brokers == nil, AllowRfChange: r.AllowRFChange}}}, true
	case ReassignPartitions:
		return &metadatapb.Question{Kind: &metadatapb.Question_ReassignPartitions{
			ReassignPartitions: &metadatapb.ReassignPartitions{
				Id: r.ID[:], Partitions: encodeAssignments(r.Partitions)}}}, true
	case CompleteReassignment:
		return &metadatapb.Question{Kind: &metadatapb.Question_CompleteReassignment{
			CompleteReassignment: completion(r)}}, true
	case Drain:
		return &metadatapb.Question{Kind: &metadatapb.Question_Drain{
			Drain: &metadatapb.DrainRequest{Broker: r.Broker, Force: r.Force}}}, true
	case Rebalance:
		return &metadatapb.Question{Kind: &metadatapb.Question_Rebalance{
			Rebalance: &metadatapb.RebalanceRequest{}}}, true
	}
	return nil, false
}

// DecodeRequest is the inverse of EncodeRequest. Errors wrap metadatapb.ErrUnknown or metadatapb.ErrCorrupt.
func DecodeRequest(q *metadatapb.Question) (any, error) {
	switch k := q.GetKind().(type) {
	case *metadatapb.Question_CreateTopic:
		return decodeCreateTopic(k.CreateTopic), nil
	case *metadatapb.Question_DeleteTopic:
		id, err := decodeID(k.DeleteTopic.GetId())
		return DeleteTopic{ID: id}, err
	case *metadatapb.Question_CreatePartitions:
		return decodeCreatePartitions(k.CreatePartitions), nil
	case *metadatapb.Question_AlterConfig:
		return decodeAlterConfig(k.AlterConfig), nil
	case *metadatapb.Question_RegisterBroker:
		return decodeRegistration(k.RegisterBroker)
	case *metadatapb.Question_UnregisterBroker:
		return UnregisterBroker{ID: k.UnregisterBroker.GetId()}, nil
	case *metadatapb.Question_ExpectBroker:
		b := k.ExpectBroker.GetBroker()
		return ExpectBroker{ID: b.GetId(), Raft: b.GetRaft(), Kafka: b.GetKafka()}, nil
	case *metadatapb.Question_AllocateProducerIds:
		return AllocateProducerIDs{
			Broker: k.AllocateProducerIds.GetBroker(), Count: k.AllocateProducerIds.GetCount(),
		}, nil
	case *metadatapb.Question_UpdateFeatures:
		return decodeUpdateFeatures(k.UpdateFeatures), nil
	}
	return decodeReassignment(q)
}

func decodeReassignment(q *metadatapb.Question) (any, error) {
	switch k := q.GetKind().(type) {
	case *metadatapb.Question_ReassignPartition:
		r := k.ReassignPartition
		brokers := r.GetBrokers()
		if brokers == nil && !r.GetCancel() {
			brokers = []int32{}
		}
		return ReassignPartition{Topic: r.GetTopic(), Partition: r.GetPartition(), Brokers: brokers,
			AllowRFChange: r.GetAllowRfChange()}, nil
	case *metadatapb.Question_ReassignPartitions:
		id, err := decodeID(k.ReassignPartitions.GetId())
		return ReassignPartitions{ID: id, Partitions: decodeAssignments(k.ReassignPartitions.GetPartitions())}, err
	case *metadatapb.Question_CompleteReassignment:
		id, err := decodeID(k.CompleteReassignment.GetId())
		r := CompleteReassignment{ID: id, Partition: k.CompleteReassignment.GetPartition()}
		for _, replica := range k.CompleteReassignment.GetTarget() {
			r.Target = append(r.Target, image.ReplicaID(replica))
		}
		return r, err
	case *metadatapb.Question_Drain:
		return Drain{Broker: k.Drain.GetBroker(), Force: k.Drain.GetForce()}, nil
	case *metadatapb.Question_Rebalance:
		return Rebalance{}, nil
	}
	return nil, fmt.Errorf("%w: question %T", metadatapb.ErrUnknown, q.GetKind())
}

func decodeID(data []byte) (image.TopicID, error) {
	if len(data) != len(image.TopicID{}) {
		return image.TopicID{}, fmt.Errorf("%w: topic id of %d bytes", metadatapb.ErrCorrupt, len(data))
	}
	return image.TopicID(data), nil
}

func encodeAssignments(assignments []Assignment) []*metadatapb.Reassignment {
	var encoded []*metadatapb.Reassignment
	for _, one := range assignments {
		encoded = append(encoded, &metadatapb.Reassignment{Partition: one.Partition, Brokers: one.Brokers})
	}
	return encoded
}

func decodeAssignments(encoded []*metadatapb.Reassignment) []Assignment {
	var assignments []Assignment
	for _, one := range encoded {
		assignments = append(assignments, Assignment{Partition: one.GetPartition(), Brokers: one.GetBrokers()})
	}
	return assignments
}

func encodeCreateTopic(r CreateTopic) *metadatapb.CreateTopicRequest {
	encoded := &metadatapb.CreateTopicRequest{
		Name:              r.Name,
		Partitions:        r.Partitions,
		ReplicationFactor: int32(r.ReplicationFactor),
		Assignments:       encodeAssignments(r.Assignments),
		ValidateOnly:      r.ValidateOnly,
	}
	for _, name := range slices.Sorted(maps.Keys(r.Configs)) {
		encoded.Configs = append(encoded.Configs, &metadatapb.OptionalConfig{Name: name, Value: r.Configs[name]})
	}
	return encoded
}

func decodeCreateTopic(encoded *metadatapb.CreateTopicRequest) CreateTopic {
	r := CreateTopic{
		Name:              encoded.GetName(),
		Partitions:        encoded.GetPartitions(),
		ReplicationFactor: int16(encoded.GetReplicationFactor()),
		Assignments:       decodeAssignments(encoded.GetAssignments()),
		ValidateOnly:      encoded.GetValidateOnly(),
	}
	if len(encoded.GetConfigs()) > 0 {
		r.Configs = make(map[string]*string, len(encoded.GetConfigs()))
	}
	for _, one := range encoded.GetConfigs() {
		r.Configs[one.GetName()] = one.Value
	}
	return r
}

func encodeCreatePartitions(r CreatePartitions) *metadatapb.CreatePartitionsRequest {
	encoded := &metadatapb.CreatePartitionsRequest{
		Topic: r.Topic, Count: r.Count, Assigned: r.Assigned, ValidateOnly: r.ValidateOnly,
	}
	for _, brokers := range r.Assignments {
		encoded.Assignments = append(encoded.Assignments, &metadatapb.Assignment{Brokers: brokers})
	}
	return encoded
}

func decodeCreatePartitions(encoded *metadatapb.CreatePartitionsRequest) CreatePartitions {
	r := CreatePartitions{
		Topic: encoded.GetTopic(), Count: encoded.GetCount(), Assigned: encoded.GetAssigned(),
		ValidateOnly: encoded.GetValidateOnly(),
	}
	for _, one := range encoded.GetAssignments() {
		r.Assignments = append(r.Assignments, one.GetBrokers())
	}
	return r
}

func encodeAlterConfig(r AlterConfig) *metadatapb.AlterConfigRequest {
	encoded := &metadatapb.AlterConfigRequest{
		Topic: r.Topic, Broker: r.Broker, AllBrokers: r.AllBrokers, Replace: r.Replace,
		ValidateOnly: r.ValidateOnly, Group: r.Group,
	}
	for _, one := range r.Changes {
		encoded.Changes = append(encoded.Changes, &metadatapb.ConfigChange{
			Name: one.Name, Operation: int32(one.Operation), Value: one.Value,
		})
	}
	return encoded
}

func decodeAlterConfig(encoded *metadatapb.AlterConfigRequest) AlterConfig {
	r := AlterConfig{
		Topic: encoded.GetTopic(), Broker: encoded.GetBroker(), AllBrokers: encoded.GetAllBrokers(),
		Replace: encoded.GetReplace(), ValidateOnly: encoded.GetValidateOnly(), Group: encoded.GetGroup(),
	}
	for _, one := range encoded.GetChanges() {
		r.Changes = append(r.Changes, Change{
			Name: one.GetName(), Operation: Operation(one.GetOperation()), Value: one.GetValue(),
		})
	}
	return r
}

func decodeRegistration(encoded *metadatapb.RegisterBroker) (any, error) {
	if len(encoded.GetDirectory()) != 16 {
		return nil, fmt.Errorf("%w: directory id of %d bytes", metadatapb.ErrCorrupt, len(encoded.GetDirectory()))
	}
	return RegisterBroker{
		ID:        encoded.GetId(),
		Directory: [16]byte(encoded.GetDirectory()),
		Endpoints: image.Endpoints(encoded.GetEndpoints()),
		Rack:      encoded.GetRack(),
		Raft:      encoded.GetRaft(),
		Empty:     encoded.GetEmpty(),
		Features:  image.Ranges(encoded.GetFeatures()),
	}, nil
}
