package image

// Event is what a command changed. It comes with the image that has the change.
type Event interface{ isEvent() }

// Rejected says that a command did not fit the image and changed nothing. Err wraps ErrConflict.
type Rejected struct{ Err error }

// ClusterFormed says that the cluster got its id.
type ClusterFormed struct{ ClusterID string }

// BrokerRegistered says that a broker registered. Previous is its registration before, or nil. Topics are
// those whose replicas on that broker have other ids now, since it lost its data directory.
type BrokerRegistered struct {
	Broker, Previous *Broker
	Topics           []*Topic
}

// BrokerUnregistered says that a broker is forgotten. Broker is its last registration, or nothing but the id
// if it never registered.
type BrokerUnregistered struct{ Broker *Broker }

// BrokerExpected says that a broker is expected to register.
type BrokerExpected struct{ Expected ExpectedBroker }

// PartitionsReassigned says that partitions of a topic shall have other replicas, or the same ones in
// another order.
type PartitionsReassigned struct {
	Topic      *Topic
	Partitions []int32
}

// ReassignmentCompleted says that a partition has the replicas that it shall have.
type ReassignmentCompleted struct {
	Topic     *Topic
	Partition int32
}

// ReassignmentsPlanned answers requests that come to many reassignments. No command gives it.
type ReassignmentsPlanned struct{ Partitions int32 }

// TopicCreated says that there is a new topic.
type TopicCreated struct{ Topic *Topic }

// TopicDeleted says that a topic is gone. Topic is what it was at the end.
type TopicDeleted struct{ Topic *Topic }

// PartitionsCreated says that a topic has more partitions, those from index From on.
type PartitionsCreated struct {
	Topic *Topic
	From  int32
}

// TopicConfigured says that the configs of a topic changed.
type TopicConfigured struct{ Topic *Topic }

// BrokerConfigured says that the dynamic configs of a broker changed, or those of all brokers.
type BrokerConfigured struct {
	Broker  int32
	Default bool // of all brokers; Broker means nothing then
}

// GroupConfigured says that the dynamic configs of a consumer group changed.
type GroupConfigured struct{ Group string }

// ProducerIDsAllocated says that a broker was given the producer ids [First, First+Count).
type ProducerIDsAllocated struct {
	Broker       int32
	First, Count int64
}

// FeaturesUpdated says at which levels features were finalized; level 0 is off.
type FeaturesUpdated struct{ Levels map[string]int32 }

func (Rejected) isEvent()              {}
func (ClusterFormed) isEvent()         {}
func (BrokerRegistered) isEvent()      {}
func (BrokerUnregistered) isEvent()    {}
func (BrokerExpected) isEvent()        {}
func (PartitionsReassigned) isEvent()  {}
func (ReassignmentCompleted) isEvent() {}
func (ReassignmentsPlanned) isEvent()  {}
func (TopicCreated) isEvent()          {}
func (TopicDeleted) isEvent()          {}
func (PartitionsCreated) isEvent()     {}
func (TopicConfigured) isEvent()       {}
func (BrokerConfigured) isEvent()      {}
func (GroupConfigured) isEvent()       {}
func (ProducerIDsAllocated) isEvent()  {}
func (FeaturesUpdated) isEvent()       {}
