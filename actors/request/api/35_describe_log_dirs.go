package api

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeLogDirs, versions 1-5 (KIP-113)
//
//	2    flexible
//	3    an error for the whole answer
//	4    size and free room of the file system (KIP-827)
//	5    cordoned directories (KIP-1066), which there are none of
//
// A broker has one data directory. Partitions that it does not hold are left out, without an error, as in
// Kafka. The lag is 0: what is not committed is not in the partition's log.

func describeLogDirs(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	return &logDirDescription{env: env, request: r.Body.(*kmsg.DescribeLogDirsRequest)}
}

// logDirDescription is the task of a DescribeLogDirs request.
type logDirDescription struct {
	env      *request.Env
	request  *kmsg.DescribeLogDirsRequest
	response *kmsg.DescribeLogDirsResponse
}

// Start implements call.Task. It asks the file system.
func (d *logDirDescription) Start(*call.Questions) {
	dir := kmsg.NewDescribeLogDirsResponseDir()
	path, space, err := d.env.Disk.Describe()
	dir.Dir = path
	if err != nil {
		d.env.Log.Warn().Err(err).Msg("data directory could not be described")
		dir.ErrorCode = int16(protocol.KafkaStorageError)
	} else {
		dir.TotalBytes, dir.UsableBytes = space.Total, space.Free
		dir.Topics = d.topics()
	}
	d.response = kmsg.NewPtrDescribeLogDirsResponse()
	d.response.Dirs = append(d.response.Dirs, dir)
}

// topics returns the wanted partitions that are here, ordered by topic and partition.
func (d *logDirDescription) topics() []kmsg.DescribeLogDirsResponseDirTopic {
	var topics []kmsg.DescribeLogDirsResponseDirTopic
	add := func(name string, replicas []*partition.Replica) {
		if partitions := sizes(replicas); len(partitions) > 0 {
			topic := kmsg.NewDescribeLogDirsResponseDirTopic()
			topic.Topic, topic.Partitions = name, partitions
			topics = append(topics, topic)
		}
	}
	if d.request.Topics == nil {
		d.env.Replicas.Each(func(t *partition.Topic) bool {
			add(t.Name, t.Replicas)
			return true
		})
	}
	for name, indexes := range d.wanted() {
		topic := d.env.Replicas.Topic(name)
		var replicas []*partition.Replica
		for _, index := range indexes {
			replicas = append(replicas, topic.Replica(index))
		}
		add(name, replicas)
	}
	slices.SortFunc(topics, func(a, b kmsg.DescribeLogDirsResponseDirTopic) int {
		return strings.Compare(a.Topic, b.Topic)
	})
	return topics
}

// wanted returns the partitions that the client names by topic, each once, ascending.
func (d *logDirDescription) wanted() map[string][]int32 {
	byTopic := make(map[string][]int32, len(d.request.Topics))
	for _, topic := range d.request.Topics {
		byTopic[topic.Topic] = append(byTopic[topic.Topic], topic.Partitions...)
	}
	for name, indexes := range byTopic {
		slices.Sort(indexes)
		byTopic[name] = slices.Compact(indexes)
	}
	return byTopic
}

// sizes describes the replicas that are here and open.
func sizes(replicas []*partition.Replica) []kmsg.DescribeLogDirsResponseDirTopicPartition {
	var partitions []kmsg.DescribeLogDirsResponseDirTopicPartition
	for _, replica := range replicas {
		if replica == nil || replica.View() == nil {
			continue
		}
		one := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		one.Partition, one.Size = replica.Partition, replica.View().Size()
		partitions = append(partitions, one)
	}
	return partitions
}

// Answer implements call.Task. Nobody is asked.
func (d *logDirDescription) Answer(*call.Questions, any) {}

// Response implements call.Task.
func (d *logDirDescription) Response() kmsg.Response { return d.response }

// Deadline implements call.Task. The answer is there when Start returns.
func (d *logDirDescription) Deadline() time.Duration { return 0 }
