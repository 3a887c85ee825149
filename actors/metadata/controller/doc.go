// Package controller decides what may change in the cluster: it turns a request, such as "create this
// topic", into a command of the metadata log, or into the error that the client gets.
//
// It works against the tail image, which holds everything applied and everything proposed since. Of two
// requests for one topic name that arrive together, the second already meets the first one's topic.
//
//	request               command                what it answers (an image.Event)
//	CreateTopic           CreateTopic            image.TopicCreated
//	DeleteTopic           DeleteTopic            image.TopicDeleted
//	CreatePartitions      CreatePartitions       image.PartitionsCreated
//	AlterConfig           AlterConfig            image.TopicConfigured, GroupConfigured or BrokerConfigured
//	RegisterBroker        RegisterBroker         image.BrokerRegistered
//	UnregisterBroker      UnregisterBroker       image.BrokerUnregistered
//	ExpectBroker          ExpectBroker           image.BrokerExpected
//	ReassignPartition     ReassignPartitions     image.PartitionsReassigned
//	ReassignPartitions    ReassignPartitions     image.PartitionsReassigned
//	CompleteReassignment  CompleteReassignment   image.ReassignmentCompleted
//	AllocateProducerIDs   AllocateProducerIds    image.ProducerIDsAllocated
//	UpdateFeatures        UpdateFeatures         image.FeaturesUpdated
//	FormCluster           FormCluster            image.ClusterFormed
//
// Drain and Rebalance come to ReassignPartitions of many topics: Planner.Moves turns them into those.
//
// Errors are *protocol.Error with the code and the sentence that Kafka's controller gives.
//
// The package is pure but for the source of random topic ids, and for what it asks of the running cluster.
// Imported by actors/metadata and by those who send it requests.
package controller
