package controller

import (
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
)

// FromDefault stands for "as configured" where a request has a number of partitions or replicas.
const FromDefault = -1

// CreateTopic makes a topic, with a number of partitions and replicas or with an assignment of its own.
type CreateTopic struct {
	Name              string
	Partitions        int32              // FromDefault, or at least 1
	ReplicationFactor int16              // FromDefault, or at least 1
	Assignments       []Assignment       // if not empty, the two numbers are FromDefault
	Configs           map[string]*string // nil values are refused
	ValidateOnly      bool               // say what would happen
}

// Assignment says which brokers hold a partition, the preferred leader first.
type Assignment struct {
	Partition int32
	Brokers   []int32
}

// DeleteTopic removes a topic.
type DeleteTopic struct {
	ID image.TopicID
}

// CreatePartitions raises the number of partitions of a topic to Count.
type CreatePartitions struct {
	Topic        string
	Count        int32
	Assigned     bool      // Assignments holds one list of brokers for each new partition
	Assignments  [][]int32 //
	ValidateOnly bool
}

// Operation is what AlterConfig does to one config.
type Operation int8

// The operations of IncrementalAlterConfigs (KIP-339).
const (
	Set      Operation = 0
	Delete   Operation = 1
	Append   Operation = 2 // to a list
	Subtract Operation = 3 // from a list
)

// Change is one operation on one config.
type Change struct {
	Name      string
	Operation Operation
	Value     string
}

// AlterConfig changes dynamic configs of a topic, of a consumer group, of a broker, or of all brokers.
// Either all changes are made or none.
type AlterConfig struct {
	Topic        string
	Group        string // if neither has a name it is about a broker
	Broker       int32
	AllBrokers   bool
	Changes      []Change
	Replace      bool // what is not among the changes goes back to its default (the older AlterConfigs)
	ValidateOnly bool
}

// RegisterBroker says that a broker runs. It may be asked for again at any time.
type RegisterBroker struct {
	ID        int32
	Directory [16]byte
	Endpoints []image.Endpoint
	Rack      string
	Raft      string // address that the other brokers reach it at; "" on a cluster of one
	// Empty says that the broker's directory holds nothing of the metadata log yet.
	Empty    bool
	Features features.Ranges // that the broker serves
}

// UnregisterBroker forgets a broker that is gone for good, or that was expected and will not come. It is
// refused while the broker holds replicas: Drain first.
type UnregisterBroker struct {
	ID int32
}

// ExpectBroker announces a broker, so that the others let it in.
type ExpectBroker struct {
	ID          int32
	Raft, Kafka string // addresses
}

// ReassignPartition gives a partition replicas on other brokers (KIP-455).
type ReassignPartition struct {
	Topic         string
	Partition     int32
	Brokers       []int32 // the preferred leader first; nil to call off the reassignment under way
	AllowRFChange bool    // the number of replicas may change
}

// ReassignPartitions gives partitions of one topic other replicas, all of them or none. The numbers of
// replicas may change.
type ReassignPartitions struct {
	ID         image.TopicID
	Partitions []Assignment
}

// CompleteReassignment says that the Raft group of a partition has the replicas of Target as its voters and
// no others. It may be said again; then it changes nothing.
type CompleteReassignment struct {
	ID        image.TopicID
	Partition int32
	Target    []image.ReplicaID // in any order
}

// Drain moves all replicas of a broker to others. With Force a partition may lose a replica if there is no
// broker to take it.
type Drain struct {
	Broker int32
	Force  bool
}

// Rebalance evens out how many replicas and preferred leaders the brokers have.
type Rebalance struct{}

// UpdateFeatures finalizes features at other levels (KIP-584), all of them or none.
type UpdateFeatures struct {
	Updates      []features.Update
	ValidateOnly bool
}

// AllocateProducerIDs takes the next producer ids for a broker.
type AllocateProducerIDs struct {
	Broker int32
	Count  int32
}

// FormCluster gives a new cluster its id.
type FormCluster struct {
	ClusterID string
	Features  map[string]int32
	Founders  []int32 // nodes that the metadata log begins with as voters; nil for a single node
}
