//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// patience bounds every wait for a broker that is not measured.
	patience = 2 * time.Minute
	// lookAgain is the pause between two looks at something that is not measured.
	lookAgain = 20 * time.Millisecond
)

// system is one of those compared, with the nodes that run now. Two systems can be one set of nodes with
// other settings of their topics.
type system struct {
	name     string
	nodes    []*process
	addrs    []string
	client   string            // the program that puts load on it
	configs  map[string]string // of each topic
	replicas int
	foreign  bool // speaks another protocol than Kafka's; its client makes the topics too
}

// maker prepares nodes with fresh data and does not start them.
type maker func(ctx context.Context, b *bench, nodes int) ([]*system, error)

// makers in the order in which systems take turns.
var makers = []struct {
	names []string
	make  maker
}{
	{[]string{chronikName}, makeChronik},
	{[]string{"kafka", "kafka-flush"}, makeKafka},
	{[]string{"nats"}, func(ctx context.Context, b *bench, nodes int) ([]*system, error) {
		return makeNATS(ctx, b, nodes, "nats", "2m")
	}},
	{[]string{"nats-always"}, func(ctx context.Context, b *bench, nodes int) ([]*system, error) {
		return makeNATS(ctx, b, nodes, "nats-always", "always")
	}},
	{[]string{"floor"}, makeFloor},
}

func makerOf(name string) maker {
	for _, one := range makers {
		if slices.Contains(one.names, name) {
			return one.make
		}
	}
	panic("BUG: nobody makes " + name)
}

// folder makes a new one for the data and the log of a node.
func (b *bench) folder(name string) (string, error) { return os.MkdirTemp(b.dir, name+"-") }

func (s *system) seeds() string { return strings.Join(s.addrs, ",") }

func (s *system) start() error {
	for _, node := range s.nodes {
		if node.command != nil {
			continue // it belongs to another system too
		}
		if err := node.start(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// end kills the nodes and frees their disk.
func (s *system) end() error {
	var errs []error
	for _, node := range s.nodes {
		node.kill()
		errs = append(errs, os.RemoveAll(filepath.Dir(node.log)))
	}
	return errors.Join(errs...)
}

// until asks again until there is no error.
func until(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// request runs one request against a system that speaks Kafka's protocol.
func request[R kmsg.Response](ctx context.Context, s *system, r kmsg.Request) (R, error) {
	var none R
	client, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.RetryTimeout(patience),
		kgo.MetadataMinAge(lookAgain))
	if err != nil {
		return none, err
	}
	defer client.Close()
	response, err := client.Request(ctx, r)
	if err != nil {
		return none, err
	}
	return response.(R), nil
}

// maxCreated is how many partitions are asked for at once: Kafka's controller takes up to 10,000 records in
// one change, one for the topic itself.
const maxCreated = 5000

// createTopic makes a topic and returns when all its replicas are in sync.
func (s *system) createTopic(ctx context.Context, name string, partitions int) error {
	if s.foreign {
		return until(ctx, "create "+name, func(ctx context.Context) error {
			return ask(ctx, nil, s.client, "create", "-broker", s.seeds(), "-topic", name, "-replicas", s.replicas)
		})
	}
	r := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.ReplicationFactor = name, int16(s.replicas)
	topic.NumPartitions = int32(min(partitions, maxCreated))
	for key, value := range s.configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	r.Topics, r.TimeoutMillis = append(r.Topics, topic), int32(patience/time.Millisecond)
	err := until(ctx, fmt.Sprintf("%s: create %s", s.name, name), func(ctx context.Context) error {
		created, err := request[*kmsg.CreateTopicsResponse](ctx, s, r)
		const exists = 36
		if err == nil && created.Topics[0].ErrorCode != 0 && created.Topics[0].ErrorCode != exists {
			err = fmt.Errorf("error code %d", created.Topics[0].ErrorCode)
		}
		return err
	})
	if err != nil {
		return err
	}
	for made := maxCreated; made < partitions; {
		made = min(made+maxCreated, partitions)
		if err := s.grow(ctx, name, made); err != nil {
			return err
		}
	}
	return s.awaitReplicas(ctx, name, partitions)
}

// grow gives a topic more partitions.
func (s *system) grow(ctx context.Context, name string, partitions int) error {
	r := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, int32(partitions)
	r.Topics, r.TimeoutMillis = append(r.Topics, topic), int32(patience/time.Millisecond)
	what := fmt.Sprintf("%s: %d partitions of %s", s.name, partitions, name)
	return until(ctx, what, func(ctx context.Context) error {
		grown, err := request[*kmsg.CreatePartitionsResponse](ctx, s, r)
		const already = 37 // it has as many: an answer was lost
		if err == nil && grown.Topics[0].ErrorCode != 0 && grown.Topics[0].ErrorCode != already {
			err = fmt.Errorf("error code %d", grown.Topics[0].ErrorCode)
		}
		return err
	})
}

func (s *system) deleteTopic(ctx context.Context, name string) error {
	if s.foreign {
		return ask(ctx, nil, s.client, "delete", "-broker", s.seeds(), "-topic", name)
	}
	r := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	r.TopicNames, r.Topics, r.TimeoutMillis = []string{name}, append(r.Topics, topic), 60_000
	deleted, err := request[*kmsg.DeleteTopicsResponse](ctx, s, r)
	if err == nil && deleted.Topics[0].ErrorCode != 0 {
		err = fmt.Errorf("error code %d", deleted.Topics[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("%s: delete %s: %w", s.name, name, err)
	}
	return nil
}

// describe returns the partitions of a topic.
func (s *system) describe(ctx context.Context, topic string) (
	*kmsg.MetadataResponse, []kmsg.MetadataResponseTopicPartition, error,
) {
	r := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	r.Topics = append(r.Topics, asked)
	metadata, err := request[*kmsg.MetadataResponse](ctx, s, r)
	if err != nil {
		return nil, nil, err
	}
	return metadata, metadata.Topics[0].Partitions, nil
}

// awaitReplicas looks until each partition of a topic has a leader and all its replicas in sync.
func (s *system) awaitReplicas(ctx context.Context, topic string, partitions int) error {
	return until(ctx, fmt.Sprintf("%s: replicas of %s", s.name, topic), func(ctx context.Context) error {
		_, all, err := s.describe(ctx, topic)
		if err != nil {
			return err
		}
		ready := 0
		for _, p := range all {
			if p.ErrorCode == 0 && p.Leader >= 0 && len(p.ISR) == s.replicas {
				ready++
			}
		}
		if ready < partitions {
			return fmt.Errorf("%d of %d partitions are complete", ready, partitions)
		}
		return nil
	})
}

// leader returns which node leads partition 0 of a topic, by its place among the nodes.
func (s *system) leader(ctx context.Context, topic string) (int, error) {
	if s.foreign {
		return 0, nil
	}
	metadata, all, err := s.describe(ctx, topic)
	if err != nil {
		return 0, err
	}
	for _, broker := range metadata.Brokers {
		for i, addr := range s.addrs {
			leads := len(all) > 0 && broker.NodeID == all[0].Leader
			if leads && strings.HasSuffix(addr, fmt.Sprint(":", broker.Port)) {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("%s: partition 0 of %s has no leader", s.name, topic)
}
