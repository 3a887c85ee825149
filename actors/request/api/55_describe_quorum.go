package api

import (
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// DescribeQuorum, versions 0-2 (KIP-595)
//
//	1    when a replica was last heard of and when it had everything (KIP-836)
//	2    directory ids, error messages, addresses of the voters (KIP-853)
//
// The one quorum is that of the metadata log, which Kafka calls partition 0 of __cluster_metadata; offsets
// are indexes of that log. Any broker answers; it asks the controller. Every version is flexible.

// quorumListener is what Kafka calls the listener of the voters.
const quorumListener = "CONTROLLER"

func describeQuorum(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	return &quorumDescription{env: env, request: r.Body.(*kmsg.DescribeQuorumRequest)}
}

// quorumDescription is the task of a DescribeQuorum request.
type quorumDescription struct {
	env     *request.Env
	request *kmsg.DescribeQuorumRequest
	answer  metadata.QuorumDescribed
	done    bool
}

// named tells whether the request asks for the metadata log and nothing else.
func (d *quorumDescription) named() bool {
	topics := d.request.Topics
	return len(topics) == 1 && topics[0].Topic == image.MetadataTopic &&
		len(topics[0].Partitions) == 1 && topics[0].Partitions[0].Partition == 0
}

// Start implements call.Task.
func (d *quorumDescription) Start(q *call.Questions) {
	if !d.named() {
		return
	}
	q.Ask(d.env.Metadata, func(replyTo kit.Address, token uint64) any {
		return metadata.DescribeQuorum{ReplyTo: replyTo, Token: token}
	})
}

// Answer implements call.Task.
func (d *quorumDescription) Answer(_ *call.Questions, reply any) {
	if described, is := reply.(metadata.QuorumDescribed); is {
		d.answer, d.done = described, true
	}
}

// Deadline implements call.Task.
func (d *quorumDescription) Deadline() time.Duration { return d.env.Settings.RequestTimeout }

// Response implements call.Task.
func (d *quorumDescription) Response() kmsg.Response {
	response := kmsg.NewPtrDescribeQuorumResponse()
	if !d.named() {
		d.refuse(response, protocol.UnknownTopicOrPartition)
		return response
	}
	err := d.answer.Err
	if !d.done {
		err = timedOut
	}
	if err != nil {
		response.ErrorCode, response.ErrorMessage = int16(protocol.CodeOf(err)), protocol.MessageOf(err)
		return response
	}
	quorum := &d.answer.Quorum
	partition := kmsg.NewDescribeQuorumResponseTopicPartition()
	partition.LeaderID, partition.LeaderEpoch = quorum.Leader, int32(quorum.Epoch)
	partition.HighWatermark = int64(quorum.HighWatermark)
	partition.CurrentVoters = quorumReplicas(quorum.Voters)
	partition.Observers = quorumReplicas(quorum.Observers)
	topic := kmsg.NewDescribeQuorumResponseTopic()
	topic.Topic = image.MetadataTopic
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	response.Nodes = d.nodes(quorum.Voters)
	return response
}

// refuse answers every partition of the request with a code.
func (d *quorumDescription) refuse(response *kmsg.DescribeQuorumResponse, code protocol.Code) {
	for i := range d.request.Topics {
		topic := kmsg.NewDescribeQuorumResponseTopic()
		topic.Topic = d.request.Topics[i].Topic
		for _, p := range d.request.Topics[i].Partitions {
			one := kmsg.NewDescribeQuorumResponseTopicPartition()
			one.Partition, one.ErrorCode = p.Partition, int16(code)
			topic.Partitions = append(topic.Partitions, one)
		}
		response.Topics = append(response.Topics, topic)
	}
}

func quorumReplicas(members []metadata.QuorumMember) []kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	states := make([]kmsg.DescribeQuorumResponseTopicPartitionReplicaState, 0, len(members))
	for _, member := range members {
		one := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
		one.ReplicaID, one.ReplicaDirectoryID, one.LogEndOffset = member.Node, member.Directory, int64(member.End)
		one.LastFetchTimestamp = millisOrUnknown(member.LastFetch)
		one.LastCaughtUpTimestamp = millisOrUnknown(member.CaughtUpAt)
		states = append(states, one)
	}
	return states
}

func millisOrUnknown(at time.Time) int64 {
	if at.IsZero() {
		return -1
	}
	return at.UnixMilli()
}

// nodes returns where the voters are reached by the other brokers. On a cluster of one they are not.
func (d *quorumDescription) nodes(voters []metadata.QuorumMember) []kmsg.DescribeQuorumResponseNode {
	current := d.env.Image()
	var nodes []kmsg.DescribeQuorumResponseNode
	for _, voter := range voters {
		one := kmsg.NewDescribeQuorumResponseNode()
		one.NodeID = voter.Node
		if broker := current.Broker(voter.Node); broker != nil {
			host, text, _ := net.SplitHostPort(broker.Raft) // an address that cannot be read is left out
			if port, err := strconv.ParseUint(text, 10, 16); err == nil {
				at := kmsg.NewDescribeQuorumResponseNodeListener()
				at.Name, at.Host, at.Port = quorumListener, host, uint16(port)
				one.Listeners = append(one.Listeners, at)
			}
		}
		nodes = append(nodes, one)
	}
	return nodes
}
