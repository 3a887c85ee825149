package metadata

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
)

// quorumTimeout bounds how long an answer to DescribeQuorum may take.
const quorumTimeout = 5 * time.Second

// maxQuorums bounds the questions of DescribeQuorum under way.
const maxQuorums = 1000

// DescribeQuorum asks for the state of the metadata log, on any broker. Answered exactly once with
// QuorumDescribed.
type DescribeQuorum struct {
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m DescribeQuorum) Refuse(err error) {
	m.ReplyTo.Tell(QuorumDescribed{Token: m.Token, Err: refused(err)})
}

// QuorumDescribed answers DescribeQuorum. Err has a code for protocol.CodeOf.
type QuorumDescribed struct {
	Token  uint64
	Quorum Quorum
	Err    error
}

// IsReply implements kit.Reply.
func (QuorumDescribed) IsReply() {}

// Quorum is the state of the metadata log as its leader knows it.
type Quorum struct {
	Leader        int32
	Epoch         uint64
	HighWatermark uint64 // index of the last entry that is committed
	Voters        []QuorumMember
	Observers     []QuorumMember
}

// QuorumMember is a replica of the metadata log.
type QuorumMember struct {
	Node       int32
	Directory  [16]byte  // zero if the replica's broker is not registered with it
	End        uint64    // index of the last entry that it is known to have
	LastFetch  time.Time // it was reachable; zero if unknown
	CaughtUpAt time.Time // it had everything; zero if unknown
}

// quorumAsker is who asks for the state of the metadata log.
type quorumAsker struct {
	replyTo kit.Address
	token   uint64
	peer    bool // another broker, which is answered with an Outcome
}

func (q quorumAsker) answer(quorum *metadatapb.Quorum, i *image.Image, err error) {
	if !q.peer {
		described := QuorumDescribed{Token: q.token, Err: err}
		if err == nil {
			described.Quorum = quorumFrom(quorum, i)
		}
		q.replyTo.Tell(described)
		return
	}
	outcome := &metadatapb.Outcome{Quorum: quorum}
	if err != nil {
		outcome.Code, outcome.Message = int32(protocol.CodeOf(err)), err.Error()
	}
	body, err := metadatapb.EncodePeer(outcome)
	q.replyTo.Tell(link.Answer{Token: q.token, Body: body, Err: err})
}

func (a *Actor) onDescribeQuorum(c *kit.Context, m DescribeQuorum) {
	a.describe(c, quorumAsker{replyTo: m.ReplyTo, token: m.Token})
}

// describe asks the group here if it leads, else the broker that does. Another broker's question is not
// passed on: it knows who leads, or did.
func (a *Actor) describe(c *kit.Context, q quorumAsker) {
	node, found := a.gateway()
	if a.quorums.Len() >= maxQuorums || !a.ready && (q.peer || !found) {
		q.answer(nil, a.image, errNotController)
		return
	}
	token := a.proposals.take()
	a.quorums.Add(token, q, c.Now().Add(quorumTimeout))
	c.After(quorumTimeout, tick{})
	if a.ready {
		a.core.Tell(group.DescribeMembers{ReplyTo: c.Self(), Token: token})
		return
	}
	body, err := metadatapb.EncodePeer(&metadatapb.Question{
		Hops: 1, TimeoutMs: quorumTimeout.Milliseconds(),
		Kind: &metadatapb.Question_DescribeQuorum{DescribeQuorum: &metadatapb.DescribeQuorumRequest{}},
	})
	if err != nil {
		panic("BUG: " + err.Error()) // there is no text in it
	}
	a.options.Peers.Link(node).Tell(link.Call{
		Node: node, Service: link.ServiceMetadata, Body: body, Timeout: quorumTimeout,
		ReplyTo: c.Self(), Token: token,
	})
}

func (a *Actor) onMembersDescribed(m group.MembersDescribed) {
	q, open := a.quorums.Take(m.Token)
	if !open {
		return // its time was up
	}
	if m.Err != nil || !m.Leads {
		q.answer(nil, a.image, errNotController)
		return
	}
	quorum := &metadatapb.Quorum{Leader: a.options.NodeID, Epoch: m.Term, Commit: m.Commit}
	for _, member := range m.Members {
		quorum.Members = append(quorum.Members, &metadatapb.QuorumMember{
			Replica: member.Replica, End: member.Match, Observer: member.Learner,
			LastFetchMs: milliseconds(member.LastContact), LastCaughtUpMs: milliseconds(member.CaughtUp),
		})
	}
	q.answer(quorum, a.image, nil)
}

func (a *Actor) onQuorumReturned(q quorumAsker, m link.Returned) {
	outcome := &metadatapb.Outcome{}
	err := m.Err
	if err == nil {
		err = metadatapb.DecodePeer(m.Body, outcome)
	}
	if err != nil || outcome.GetCode() != int32(protocol.None) || outcome.GetQuorum() == nil {
		q.answer(nil, a.image, errNotController)
		return
	}
	q.answer(outcome.GetQuorum(), a.image, nil)
}

// quorumFrom adds what the image knows of the members.
func quorumFrom(stored *metadatapb.Quorum, i *image.Image) Quorum {
	quorum := Quorum{Leader: stored.GetLeader(), Epoch: stored.GetEpoch(), HighWatermark: stored.GetCommit()}
	for _, one := range stored.GetMembers() {
		replica := image.ReplicaID(one.GetReplica())
		member := QuorumMember{
			Node: replica.Broker(), End: one.GetEnd(),
			LastFetch: timeOf(one.GetLastFetchMs()), CaughtUpAt: timeOf(one.GetLastCaughtUpMs()),
		}
		if broker := i.Broker(member.Node); broker != nil && broker.Replica() == replica {
			member.Directory = broker.Directory
		}
		if one.GetObserver() {
			quorum.Observers = append(quorum.Observers, member)
		} else {
			quorum.Voters = append(quorum.Voters, member)
		}
	}
	return quorum
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}

func timeOf(milliseconds int64) time.Time {
	if milliseconds < 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds)
}
