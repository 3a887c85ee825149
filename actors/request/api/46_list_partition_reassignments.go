package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// ListPartitionReassignments, version 0 (KIP-455)
//
// Null topics mean all. Partitions that are not being reassigned, or do not exist, are left out, and topics
// without any that is.

func listPartitionReassignments(env *request.Env, _ request.Client, r *protocol.Request) kmsg.Response {
	body := r.Body.(*kmsg.ListPartitionReassignmentsRequest)
	current := env.Image()
	response := kmsg.NewPtrListPartitionReassignmentsResponse()
	if body.Topics == nil {
		for topic := range current.Topics() {
			listReassigning(response, topic, topic.Partitions)
		}
		return response
	}
	for i := range body.Topics {
		topic := current.Topic(body.Topics[i].Topic)
		var named []image.Partition
		for _, index := range body.Topics[i].Partitions {
			if p, exists := topic.Partition(index); exists {
				named = append(named, p)
			}
		}
		listReassigning(response, topic, named)
	}
	return response
}

func listReassigning(response *kmsg.ListPartitionReassignmentsResponse, topic *image.Topic,
	partitions []image.Partition,
) {
	answer := kmsg.NewListPartitionReassignmentsResponseTopic()
	for _, p := range partitions {
		if !p.Reassigning() {
			continue
		}
		one := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		one.Partition, one.Replicas = p.Index, p.Brokers()
		one.AddingReplicas, one.RemovingReplicas = image.BrokersOf(p.Adding), image.BrokersOf(p.Removing)
		answer.Partitions = append(answer.Partitions, one)
	}
	if len(answer.Partitions) > 0 {
		answer.Topic = topic.Name
		response.Topics = append(response.Topics, answer)
	}
}
