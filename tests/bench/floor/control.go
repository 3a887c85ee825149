//go:build linux

package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// fetchVersion is the newest that is offered: the last without tagged fields, whose frame is laid out by
// hand.
const fetchVersion = 11

// control answers what a client asks around producing and fetching.
func (c *client) control(r *protocol.Request) error {
	response := r.Body.ResponseKind()
	switch body := r.Body.(type) {
	case *kmsg.ApiVersionsRequest:
		c.versions(response.(*kmsg.ApiVersionsResponse))
	case *kmsg.MetadataRequest:
		c.metadata(body, response.(*kmsg.MetadataResponse))
	case *kmsg.InitProducerIDRequest:
		response.(*kmsg.InitProducerIDResponse).ProducerID = 1
	case *kmsg.ListOffsetsRequest:
		c.listOffsets(body, response.(*kmsg.ListOffsetsResponse))
	case *kmsg.CreateTopicsRequest:
		if err := c.createTopics(body, response.(*kmsg.CreateTopicsResponse)); err != nil {
			return err
		}
	case *kmsg.DeleteTopicsRequest:
		c.deleteTopics(body, response.(*kmsg.DeleteTopicsResponse))
	default:
		return fmt.Errorf("got request %d, which is not offered", r.Key)
	}
	return c.answer(r.Header, response)
}

// unserved answers a newer ApiVersions the way that makes a client ask again in a version that is served.
func (c *client) unserved(header protocol.Header) error {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = int16(protocol.UnsupportedVersion)
	c.versions(response)
	return c.answer(header, response)
}

func (c *client) versions(response *kmsg.ApiVersionsResponse) {
	for _, version := range protocol.Versions() {
		offered := kmsg.NewApiVersionsResponseApiKey()
		offered.ApiKey, offered.MinVersion, offered.MaxVersion = version.Key, version.Min, version.Max
		switch kmsg.Key(version.Key) {
		case kmsg.Fetch:
			offered.MaxVersion = fetchVersion
		case kmsg.ApiVersions, kmsg.Produce, kmsg.Metadata, kmsg.InitProducerID, kmsg.ListOffsets,
			kmsg.CreateTopics, kmsg.DeleteTopics:
		default:
			continue
		}
		response.ApiKeys = append(response.ApiKeys, offered)
	}
}

func (c *client) metadata(request *kmsg.MetadataRequest, response *kmsg.MetadataResponse) {
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID, broker.Host, broker.Port = 1, c.server.at.IP.String(), int32(c.server.at.Port)
	response.Brokers = append(response.Brokers, broker)
	response.ControllerID = broker.NodeID
	for _, asked := range request.Topics {
		name := ""
		if asked.Topic != nil {
			name = *asked.Topic
		}
		one := kmsg.NewMetadataResponseTopic()
		one.Topic, one.TopicID = asked.Topic, asked.TopicID
		if found := c.server.find(name, asked.TopicID); found == nil {
			one.ErrorCode = int16(protocol.UnknownTopicOrPartition)
		} else {
			one.Topic, one.TopicID = &found.name, found.id
			for i := range found.partitions {
				p := kmsg.NewMetadataResponseTopicPartition()
				p.Partition, p.Leader, p.LeaderEpoch = int32(i), broker.NodeID, -1
				p.Replicas, p.ISR = []int32{broker.NodeID}, []int32{broker.NodeID}
				one.Partitions = append(one.Partitions, p)
			}
		}
		response.Topics = append(response.Topics, one)
	}
}

// listOffsets answers every question with the start.
func (c *client) listOffsets(request *kmsg.ListOffsetsRequest, response *kmsg.ListOffsetsResponse) {
	for _, asked := range request.Topics {
		one := kmsg.NewListOffsetsResponseTopic()
		one.Topic = asked.Topic
		for _, partition := range asked.Partitions {
			p := kmsg.NewListOffsetsResponseTopicPartition()
			p.Partition, p.Offset, p.LeaderEpoch = partition.Partition, 0, -1
			one.Partitions = append(one.Partitions, p)
		}
		response.Topics = append(response.Topics, one)
	}
}

func (c *client) createTopics(request *kmsg.CreateTopicsRequest, response *kmsg.CreateTopicsResponse) error {
	for _, wanted := range request.Topics {
		if err := c.server.create(wanted.Topic, int(wanted.NumPartitions)); err != nil {
			return err
		}
		one := kmsg.NewCreateTopicsResponseTopic()
		one.Topic, one.NumPartitions = wanted.Topic, wanted.NumPartitions
		response.Topics = append(response.Topics, one)
	}
	return nil
}

func (c *client) deleteTopics(request *kmsg.DeleteTopicsRequest, response *kmsg.DeleteTopicsResponse) {
	for _, doomed := range request.Topics {
		if doomed.Topic != nil {
			c.server.remove(*doomed.Topic)
		}
		one := kmsg.NewDeleteTopicsResponseTopic()
		one.Topic = doomed.Topic
		response.Topics = append(response.Topics, one)
	}
}
