package api

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// OffsetCommit, versions 2-10
//
//	2-4  the client says how long offsets are kept; later only the broker does (KIP-211)
//	6    leader epochs (KIP-320)
//	7    static members (KIP-345)
//	8    flexible
//	9    members of KIP-848 groups
//	10   topic ids instead of names (KIP-848)
//
// Each partition has its own outcome. Those that do not exist are not passed on to the group.

func offsetCommit(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.OffsetCommitRequest)
	c := &commitAnswer{request: body}
	commit := consumers.Commit{
		Version: body.Version, Generation: body.Generation, MemberID: body.MemberID, InstanceID: body.InstanceID,
	}
	retention := time.Duration(-1)
	if body.RetentionTimeMillis >= 0 && body.Version <= 4 {
		retention = time.Duration(body.RetentionTimeMillis) * time.Millisecond
	}
	current := env.Image()
	for i := range body.Topics {
		topic, unknown := c.topic(current, &body.Topics[i])
		for _, p := range body.Topics[i].Partitions {
			if _, exists := topic.Partition(p.Partition); !exists {
				c.outcomes = append(c.outcomes, unknown)
				continue
			}
			c.outcomes = append(c.outcomes, passedOn)
			commit.Items = append(commit.Items, commitItem(topic.Name, &p, retention))
		}
	}
	task := askGroups(env, client)
	task.respond = c.response
	task.items = []question{{key: body.Group, body: commit}}
	if len(commit.Items) == 0 {
		task.items[0].body = nil
	}
	return task
}

// passedOn marks a partition whose outcome the group knows.
const passedOn protocol.Code = -2

func commitItem(topic string, p *kmsg.OffsetCommitRequestTopicPartition, retention time.Duration,
) consumers.CommitItem {
	item := consumers.CommitItem{
		Place:     offsets.Place{Topic: topic, Partition: p.Partition},
		Offset:    records.Offset{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch},
		Retention: retention,
	}
	if p.Metadata != nil {
		item.Metadata = *p.Metadata
	}
	return item
}

// commitAnswer builds the answer; outcomes has one code for each partition of the request.
type commitAnswer struct {
	request  *kmsg.OffsetCommitRequest
	outcomes []protocol.Code
}

// topic returns the topic that a request means, nil and the code for it if there is none.
func (c *commitAnswer) topic(i *image.Image, t *kmsg.OffsetCommitRequestTopic) (*image.Topic, protocol.Code) {
	if c.request.Version < 10 {
		return i.Topic(t.Topic), protocol.UnknownTopicOrPartition
	}
	topic := i.TopicByID(t.TopicID)
	if topic == nil {
		return nil, protocol.UnknownTopicID
	}
	return topic, protocol.UnknownTopicOrPartition
}

func (c *commitAnswer) response(items []question) kmsg.Response {
	codes, _ := items[0].result.([]protocol.Code)
	response := kmsg.NewPtrOffsetCommitResponse()
	next := 0
	for _, topic := range c.request.Topics {
		answer := kmsg.NewOffsetCommitResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			one := kmsg.NewOffsetCommitResponseTopicPartition()
			one.Partition = p.Partition
			code := c.outcomes[next]
			next++
			if code == passedOn {
				code = items[0].code
				if code == protocol.None {
					code, codes = codes[0], codes[1:]
				}
			}
			one.ErrorCode = int16(code)
			answer.Partitions = append(answer.Partitions, one)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response
}
