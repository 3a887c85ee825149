package write

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// Gather is one produce request between its check and its response: what was decided at once stands in the
// response already, the rest waits for the answers of the partitions. It knows no actor. It belongs to the
// connection until the write actor is spawned, to that actor afterwards.
type Gather struct {
	response    *kmsg.ProduceResponse
	places      []place // by token
	open        int
	failed      bool
	transaction *transaction // nil if there are no transactional batches
	hints       hints
}

// place is where the answer of one append goes.
type place struct {
	subject
	answer   *kmsg.ProduceResponseTopicPartition
	answered bool
}

// subject is the partition that an answer is about: its group, and its replica on this node if there is one.
// The zero value stands for a partition that does not exist; no group has the number 0.
type subject struct {
	group   wal.GroupID
	replica *partition.Replica
}

func subjectOf(replica *partition.Replica) subject { return subject{replica.Group, replica} }

// Proposal is one append that the connection proposes, in the order of the request.
type Proposal struct {
	Replica *partition.Replica
	Append  partition.Append
	Token   uint64
}

// hints are what a response says about leaders elsewhere (KIP-951).
type hints struct {
	version  int16
	listener string
	env      *request.Env
}

// firstHints is the first Produce version with hints.
const firstHints = 10

// Open returns how many partitions have no answer yet.
func (g *Gather) Open() int { return g.open }

// Failed tells whether a partition was answered with an error.
func (g *Gather) Failed() bool { return g.failed }

// Unverified tells whether the coordinator of the transaction has to be asked before anything is proposed.
func (g *Gather) Unverified() bool { return g.transaction != nil && len(g.transaction.asked) > 0 }

// Verify takes what the coordinator says of each append that waits for it, and returns the tokens of those
// that must not be proposed.
func (g *Gather) Verify(codes []protocol.Code) (refused []uint64) {
	t := g.transaction
	for i, one := range t.asked {
		err := t.refusal(codes[i])
		if err == nil {
			one.verification.Confirm(t.epoch)
			continue
		}
		refused = append(refused, one.token)
		g.Answer(group.Proposed{Token: one.token, Err: err})
	}
	t.asked = nil
	return refused
}

// Response returns the response. It is complete when Open is 0.
func (g *Gather) Response() *kmsg.ProduceResponse { return g.response }

// Answer takes the answer of one partition. A second answer to the same append is ignored.
func (g *Gather) Answer(m group.Proposed) {
	if m.Token >= uint64(len(g.places)) || g.places[m.Token].answered {
		return
	}
	one := &g.places[m.Token]
	one.answered = true
	g.open--
	if m.Err != nil {
		g.refuse(one.subject, one.answer, m.Err)
		return
	}
	done := m.Result.(partition.Appended)
	one.answer.BaseOffset = int64(done.BaseOffset)
	one.answer.LogAppendTime = done.AppendTime
	one.answer.LogStartOffset = int64(done.LogStart)
}

// Expire answers what is still open: whether those records will be written is not known.
func (g *Gather) Expire() {
	for i := range g.places {
		if one := &g.places[i]; !one.answered {
			one.answered = true
			g.open--
			g.refuse(one.subject, one.answer, errTimedOut)
		}
	}
}

// refuse answers a partition with an error.
func (g *Gather) refuse(who subject, answer *kmsg.ProduceResponseTopicPartition, err error) {
	g.failed = true
	problem := problemOf(err)
	answer.ErrorCode = int16(problem.code)
	answer.ErrorMessage = problem.message
	answer.ErrorRecords = problem.records
	if problem.code == protocol.NotLeaderOrFollower {
		g.hint(who, answer)
	}
}

// hint names the leader that this node knows of, and where it is.
func (g *Gather) hint(who subject, answer *kmsg.ProduceResponseTopicPartition) {
	if g.hints.version < firstHints {
		return
	}
	leader := g.hints.env.Leadership(who.group, who.replica)
	if leader.Node == partition.NoLeader {
		return
	}
	answer.CurrentLeader.LeaderID = leader.Node
	answer.CurrentLeader.LeaderEpoch = int32(leader.Epoch)
	for i := range g.response.Brokers {
		if g.response.Brokers[i].NodeID == leader.Node {
			return
		}
	}
	broker := g.hints.env.Image().Broker(leader.Node)
	at, ok := broker.Endpoint(g.hints.listener)
	if !ok {
		return
	}
	found := kmsg.NewProduceResponseBroker()
	found.NodeID, found.Host, found.Port = leader.Node, at.Host, at.Port
	if broker.Rack != "" {
		found.Rack = &broker.Rack
	}
	g.response.Brokers = append(g.response.Brokers, found)
}

// Failure returns the response to a request whose actor has failed. Its records may have been written, so the
// code is that of a deadline, the one of Kafka's with that meaning: an idempotent producer sends the same
// batches again under the same sequence numbers. UNKNOWN_SERVER_ERROR is final to Java's producer and to
// librdkafka, which also takes the records for not written; NOT_LEADER_OR_FOLLOWER means the latter to
// librdkafka, too, and would have clients ask for a leader who has not moved.
func Failure(r *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	response := kmsg.NewPtrProduceResponse()
	response.Topics = make([]kmsg.ProduceResponseTopic, len(r.Topics))
	for i := range r.Topics {
		topic := &response.Topics[i]
		topic.Topic, topic.TopicID = r.Topics[i].Topic, r.Topics[i].TopicID
		for j := range r.Topics[i].Partitions {
			one := unanswered(r.Topics[i].Partitions[j].Partition)
			one.ErrorCode = int16(protocol.RequestTimedOut)
			topic.Partitions = append(topic.Partitions, one)
		}
	}
	return response
}

// unanswered returns the response of a partition before its answer is known.
func unanswered(index int32) kmsg.ProduceResponseTopicPartition {
	one := kmsg.NewProduceResponseTopicPartition()
	one.Partition = index
	one.BaseOffset, one.LogAppendTime, one.LogStartOffset = -1, -1, -1
	return one
}
