package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Create makes a topic with one replica.
func Create(
	ctx context.Context, client *kgo.Client, name string, partitions int32, configs map[string]string,
) error {
	return CreateReplicated(ctx, client, name, partitions, 1, configs)
}

// CreateReplicated makes a topic with so many replicas of each partition.
func CreateReplicated(
	ctx context.Context, client *kgo.Client, name string, partitions int32, replicas int16,
	configs map[string]string,
) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replicas
	return create(ctx, client, topic, configs)
}

// CreateAssigned makes a topic whose partitions live on the given nodes, the preferred leader first.
func CreateAssigned(
	ctx context.Context, client *kgo.Client, name string, assignment [][]int32, configs map[string]string,
) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for partition, replicas := range assignment {
		one := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		one.Partition, one.Replicas = int32(partition), replicas
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, one)
	}
	return create(ctx, client, topic, configs)
}

func create(
	ctx context.Context, client *kgo.Client, topic kmsg.CreateTopicsRequestTopic, configs map[string]string,
) error {
	name := topic.Topic
	for key, value := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{topic}, 30_000
	// The brokers wait as long as the caller does.
	if end, bound := ctx.Deadline(); bound {
		request.TimeoutMillis = max(1, int32(time.Until(end).Milliseconds()))
	}
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// DeleteRecords moves the start of a partition and returns the new one.
func DeleteRecords(
	ctx context.Context, client *kgo.Client, name string, partition int32, before int64,
) (int64, error) {
	one := kmsg.NewDeleteRecordsRequestTopicPartition()
	one.Partition, one.Offset = partition, before
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic, topic.Partitions = name, []kmsg.DeleteRecordsRequestTopicPartition{one}
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics, request.TimeoutMillis = []kmsg.DeleteRecordsRequestTopic{topic}, 30_000
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, fmt.Errorf("delete records of %s-%d: %w", name, partition, err)
	}
	answer := response.Topics[0].Partitions[0]
	return answer.LowWatermark, kerr.ErrorForCode(answer.ErrorCode)
}

// Delete removes a topic.
func Delete(ctx context.Context, client *kgo.Client, name string) error {
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics, request.TopicNames = []kmsg.DeleteTopicsRequestTopic{topic}, []string{name}
	request.TimeoutMillis = 30_000
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

// Latest, as a timestamp, asks for the end of a partition, and Earliest for its start.
const (
	Latest   = -1
	Earliest = -2
)

// between is the wait before a question is asked again.
const between = 20 * time.Millisecond

// Offsets asks for an offset of each of the first partitions of a topic, again while a partition has no
// leader yet: a node serves before all its partitions do.
func Offsets(
	ctx context.Context, client *kgo.Client, name string, partitions int32, timestamp int64,
) ([]int64, error) {
	for {
		offsets, err := askOffsets(ctx, client, name, partitions, timestamp)
		if !errors.Is(err, kerr.LeaderNotAvailable) && !errors.Is(err, kerr.NotLeaderForPartition) {
			return offsets, err
		}
		select {
		case <-time.After(between):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func askOffsets(
	ctx context.Context, client *kgo.Client, name string, partitions int32, timestamp int64,
) ([]int64, error) {
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = name
	for p := range partitions {
		one := kmsg.NewListOffsetsRequestTopicPartition()
		one.Partition, one.Timestamp = p, timestamp
		topic.Partitions = append(topic.Partitions, one)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.Topics = -1, []kmsg.ListOffsetsRequestTopic{topic}
	offsets := make([]int64, partitions)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, fmt.Errorf("list offsets of %s: %w", name, shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("list offsets of %s-%d: %w", name, p.Partition, err)
				}
				offsets[p.Partition] = p.Offset
			}
		}
	}
	return offsets, nil
}

// Configure sets one config of a topic and leaves the others as they are.
func Configure(ctx context.Context, client *kgo.Client, name, key, value string) error {
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = key, &value
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, name
	resource.Configs = append(resource.Configs, config)
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("set %s of topic %s: %w", key, name, err)
	}
	return kerr.ErrorForCode(response.Resources[0].ErrorCode)
}
