package lab

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/topics"
)

// minInSync makes a write with acks=all wait for a majority of three.
var minInSync = map[string]string{"min.insync.replicas": "2"}

// Create makes a topic through a member that runs, spread by the cluster itself.
func (c *Cluster) Create(name string, partitions int32, replicas int16) {
	c.t.Helper()
	c.create(func(ctx context.Context, client *kgo.Client) error {
		configs := minInSync
		if replicas < 2 {
			configs = nil
		}
		return topics.CreateReplicated(ctx, client, name, partitions, replicas, configs)
	})
}

// CreateAssigned makes a topic whose partitions live where told, the preferred leader first.
func (c *Cluster) CreateAssigned(name string, assignment [][]int32) {
	c.t.Helper()
	c.create(func(ctx context.Context, client *kgo.Client) error {
		return topics.CreateAssigned(ctx, client, name, assignment, minInSync)
	})
}

// creating bounds the making of a topic, which has hundreds of partitions in tests of many: on a machine that
// does other things too, they take their time to start.
const creating = 2 * time.Minute

func (c *Cluster) create(create func(context.Context, *kgo.Client) error) {
	c.t.Helper()
	client := c.Client(c.Running()[0])
	defer client.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), creating)
	defer cancel()
	if err := create(ctx, client); err != nil {
		c.t.Fatal(err)
	}
}

// Sizes asks a node for the bytes in its logs of a topic, by partition. Its files may go on behind them, with
// what is not committed.
func (n *Node) Sizes(ctx context.Context, topic string) (map[int32]int64, error) {
	answer, err := n.Ask(ctx, kmsg.NewPtrDescribeLogDirsRequest())
	if err != nil {
		return nil, err
	}
	sizes := map[int32]int64{}
	for _, dir := range answer.(*kmsg.DescribeLogDirsResponse).Dirs {
		if err := kerr.ErrorForCode(dir.ErrorCode); err != nil {
			return nil, fmt.Errorf("describe the log directory of node %d: %w", n.ID, err)
		}
		for _, one := range dir.Topics {
			for _, p := range one.Partitions {
				if one.Topic == topic {
					sizes[p.Partition] = p.Size
				}
			}
		}
	}
	return sizes, nil
}

// Quorum is the metadata's Raft group as a node describes it to clients.
type Quorum struct {
	Leader            int32
	Epoch             int32
	Voters, Observers []int32
}

// Quorum asks a node for the metadata's Raft group.
func (n *Node) Quorum(ctx context.Context) (Quorum, error) {
	partition := kmsg.NewDescribeQuorumRequestTopicPartition()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, partition)
	request := kmsg.NewPtrDescribeQuorumRequest()
	request.Topics = append(request.Topics, topic)
	answer, err := n.Ask(ctx, request)
	if err != nil {
		return Quorum{}, err
	}
	response := answer.(*kmsg.DescribeQuorumResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return Quorum{}, fmt.Errorf("describe the quorum: %w", err)
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return Quorum{}, fmt.Errorf("describe the quorum: an answer about %d topics", len(response.Topics))
	}
	p := response.Topics[0].Partitions[0]
	quorum := Quorum{Leader: p.LeaderID, Epoch: p.LeaderEpoch}
	for _, voter := range p.CurrentVoters {
		quorum.Voters = append(quorum.Voters, voter.ReplicaID)
	}
	for _, observer := range p.Observers {
		quorum.Observers = append(quorum.Observers, observer.ReplicaID)
	}
	return quorum, kerr.ErrorForCode(p.ErrorCode)
}

// AwaitQuorum asks the first running node until the metadata has a leader that the node knows.
func (c *Cluster) AwaitQuorum() Quorum {
	c.t.Helper()
	var quorum Quorum
	c.Until(Patience, "a leader of the metadata", func(ctx context.Context) (err error) {
		quorum, err = c.Running()[0].Quorum(ctx)
		if err == nil && quorum.Leader <= 0 {
			err = fmt.Errorf("none yet: %+v", quorum)
		}
		return err
	})
	return quorum
}

// Reassign asks for other replicas of partitions of a topic; nil cancels what is under way.
func (c *Cluster) Reassign(client *kgo.Client, name string, target map[int32][]int32) error {
	topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	topic.Topic = name
	for partition, replicas := range target {
		one := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		one.Partition, one.Replicas = partition, replicas
		topic.Partitions = append(topic.Partitions, one)
	}
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis = int32(Patience.Milliseconds())
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(c.t.Context(), client)
	if err != nil {
		return fmt.Errorf("reassign %s: %w", name, err)
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return fmt.Errorf("reassign %s: %w", name, err)
	}
	for _, p := range response.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			return fmt.Errorf("reassign %s-%d: %w", name, p.Partition, err)
		}
	}
	return nil
}

// Reassigning lists the partitions that are on their way to other replicas.
func (c *Cluster) Reassigning(ctx context.Context, client *kgo.Client) (map[string][]int32, error) {
	response, err := kmsg.NewPtrListPartitionReassignmentsRequest().RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("list reassignments: %w", err)
	}
	under := make(map[string][]int32)
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			under[topic.Topic] = append(under[topic.Topic], p.Partition)
		}
	}
	return under, kerr.ErrorForCode(response.ErrorCode)
}
