package write

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// firstTopicIDs is the first Produce version that names topics by id.
const firstTopicIDs = 13

// acksAll asks for the record to be on every in-sync replica.
const acksAll = -1

// adminClient is the client id under which Kafka's own tools may write to internal topics.
const adminClient = "__admin_client"

// Begin checks a produce request, in the turn of its connection: nothing waits and no file is touched. The
// proposals are to be sent in order by the connection, as its appends must not overtake each other; if the
// gather has Unverified ones, when the write actor has told it Verified.
func Begin(env *request.Env, client request.Client, r *protocol.Request) (*Gather, []Proposal) {
	body := r.Body.(*kmsg.ProduceRequest)
	b := beginning{
		env: env, client: client, request: body,
		now: env.Now().UnixMilli(), refusal: refusalOf(env, body),
	}
	transaction, err := transactionOf(env, body)
	if b.refusal == nil {
		b.refusal = err
	}
	b.gather = &Gather{
		transaction: transaction,
		response:    kmsg.NewPtrProduceResponse(),
		hints:       hints{version: body.Version, listener: client.Listener, env: env},
	}
	b.gather.response.Version = body.Version
	b.begin()
	return b.gather, b.proposals
}

// Patience returns how long the request may wait: its own timeout, bounded by most.
func Patience(r *protocol.Request, most time.Duration) time.Duration {
	wanted := time.Duration(r.Body.(*kmsg.ProduceRequest).TimeoutMillis) * time.Millisecond
	return min(max(wanted, 0), most)
}

// refusalOf returns why no partition of the request can be written, or nil.
func refusalOf(env *request.Env, r *kmsg.ProduceRequest) error {
	switch {
	case r.Acks < -1 || r.Acks > 1:
		return protocol.Errorf(protocol.InvalidRequiredAcks, "acks must be -1, 0 or 1, not %d", r.Acks)
	case env.Disk.Low():
		return protocol.Errorf(protocol.KafkaStorageError, "the disk of the broker is almost full")
	}
	return nil
}

// beginning is the walk through one request.
type beginning struct {
	env       *request.Env
	client    request.Client
	request   *kmsg.ProduceRequest
	now       int64 // milliseconds since the epoch
	refusal   error
	gather    *Gather
	proposals []Proposal
}

// begin walks all partitions. The response is built in place, so the answers of a request with many
// partitions need no search.
func (b *beginning) begin() {
	topics := b.request.Topics
	total := 0
	for i := range topics {
		total += len(topics[i].Partitions)
	}
	b.gather.response.Topics = make([]kmsg.ProduceResponseTopic, len(topics))
	b.gather.places = make([]place, 0, total)
	b.proposals = make([]Proposal, 0, total)
	for i := range topics {
		answer := &b.gather.response.Topics[i]
		answer.Topic, answer.TopicID = topics[i].Topic, topics[i].TopicID
		answer.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(topics[i].Partitions))
		b.topic(&topics[i], answer)
	}
}

func (b *beginning) topic(t *kmsg.ProduceRequestTopic, answer *kmsg.ProduceResponseTopic) {
	found, err := b.find(t)
	for i := range t.Partitions {
		p := &t.Partitions[i]
		one := &answer.Partitions[i]
		*one = unanswered(p.Partition)
		if err != nil {
			b.gather.refuse(subject{}, one, err)
			continue
		}
		replica := found.Replica(p.Partition)
		if replica == nil {
			who, err := b.absence(t, p.Partition)
			b.gather.refuse(who, one, err)
			continue
		}
		if err := b.ready(replica); err != nil {
			b.gather.refuse(subjectOf(replica), one, err)
			continue
		}
		b.propose(replica, p.Records, one)
	}
}

// find returns the topic as far as this node has it: nil for one that exists, but whose replicas are not
// open here.
func (b *beginning) find(t *kmsg.ProduceRequestTopic) (*partition.Topic, error) {
	if b.refusal != nil {
		return nil, b.refusal
	}
	found, name := b.env.Replicas.Topic(t.Topic), t.Topic
	if b.request.Version >= firstTopicIDs {
		if found = b.env.Replicas.TopicByID(t.TopicID); found != nil {
			name = found.Name
		}
	}
	if image.IsInternal(name) && b.client.ID != adminClient {
		return nil, protocol.Errorf(protocol.InvalidTopicException, "cannot append to internal topic %s", name)
	}
	return found, nil
}

// ready says why a replica takes no append: this node does not lead it, or too few others could keep what is
// appended (min.insync.replicas, as the leader measures them).
func (b *beginning) ready(replica *partition.Replica) error {
	if !replica.Leadership().Ready {
		return protocol.Errorf(protocol.NotLeaderOrFollower, "")
	}
	want, have := replica.Config().MinInsyncReplicas, replica.InSync()
	if b.request.Acks == acksAll && have < want {
		return protocol.Errorf(protocol.NotEnoughReplicas,
			"%d replicas are in sync, min.insync.replicas asks for %d", have, want)
	}
	return nil
}

// absence says why a partition has no replica on this node, and which one it is if it exists.
func (b *beginning) absence(t *kmsg.ProduceRequestTopic, index int32) (subject, error) {
	current := b.env.Image()
	topic := current.Topic(t.Topic)
	if b.request.Version >= firstTopicIDs {
		if topic = current.TopicByID(t.TopicID); topic == nil {
			return subject{}, protocol.Errorf(protocol.UnknownTopicID, "")
		}
	}
	p, exists := topic.Partition(index)
	if !exists {
		return subject{}, protocol.Errorf(protocol.UnknownTopicOrPartition, "")
	}
	return subject{group: p.Group}, protocol.Errorf(protocol.NotLeaderOrFollower, "")
}

// propose checks the records against the rules of the topic and adds them to the proposals.
func (b *beginning) propose(replica *partition.Replica, records []byte,
	answer *kmsg.ProduceResponseTopicPartition,
) {
	checked, err := check(records, replica.Config(), b.request.Version, b.now)
	if err != nil {
		b.gather.refuse(subjectOf(replica), answer, err)
		return
	}
	one := Proposal{Replica: replica, Append: checked, Token: uint64(len(b.proposals))}
	if checked.Batch.IsTransactional() {
		if err := b.gather.transaction.verify(&one, b.now); err != nil {
			b.gather.refuse(subjectOf(replica), answer, err)
			return
		}
	}
	b.proposals = append(b.proposals, one)
	b.gather.places = append(b.gather.places, place{subject: subjectOf(replica), answer: answer})
	b.gather.open++
}
