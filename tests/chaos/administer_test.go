package chaos

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// administer asks what only people and their tools ask: who votes in the metadata log, for producer ids, and on a
// cluster for another order of the replicas of a partition and for the first of them to lead. What becomes of it
// is seen by the others.
func (l *load) administer() {
	client := l.world.client()
	defer client.Close()
	for i := 0; l.running(50 * time.Millisecond); i++ {
		ctx, cancel := context.WithTimeout(l.ctx, deadline)
		begun := time.Now()
		_, _ = quorumRequest().RequestWith(ctx, client)
		_, _ = kmsg.NewPtrInitProducerIDRequest().RequestWith(ctx, client)
		l.took("question of an administrator", begun)
		if len(l.world.nodes) > 1 {
			l.handOver(ctx, client, i)
		}
		cancel()
	}
}

func quorumRequest() *kmsg.DescribeQuorumRequest {
	request := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	request.Topics = append(request.Topics, topic)
	return request
}

// handOver has another replica of a partition come first, and lead.
func (l *load) handOver(ctx context.Context, client *kgo.Client, turn int) {
	partition := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	partition.Partition = int32(turn % partitions)
	for i := range l.world.nodes {
		node := l.world.nodes[(turn/partitions+i)%len(l.world.nodes)]
		partition.Replicas = append(partition.Replicas, node.id)
	}
	assigned := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	assigned.Topic, assigned.Partitions = "table", append(assigned.Partitions, partition)
	assign := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	assign.Topics, assign.TimeoutMillis = append(assign.Topics, assigned), 1000
	_, _ = assign.RequestWith(ctx, client)
	elected := kmsg.NewElectLeadersRequestTopic()
	elected.Topic, elected.Partitions = "table", []int32{partition.Partition}
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Topics, elect.TimeoutMillis = append(elect.Topics, elected), 1000
	_, _ = elect.RequestWith(ctx, client)
}
