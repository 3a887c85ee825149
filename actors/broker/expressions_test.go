package broker

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// searcher is a member that subscribes by an expression, request by request.
type searcher struct {
	n     *node
	epoch int32
	has   []string // topics of its partitions
}

// beat sends a heartbeat and takes over what the answer says.
func (s *searcher) beat(ctx context.Context, expression string) protocol.Code {
	s.n.t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch = "searching", "m1", s.epoch
	r.RebalanceTimeoutMillis, r.SubscribedTopicRegex = 60_000, &expression
	r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	response, err := r.RequestWith(ctx, s.n.client)
	if err != nil {
		s.n.t.Fatal(err)
	}
	if response.ErrorCode != 0 {
		return protocol.Code(response.ErrorCode)
	}
	s.epoch = response.MemberEpoch
	if response.Assignment != nil {
		s.has = nil
		names := s.n.topicNames(ctx)
		for _, topic := range response.Assignment.Topics {
			s.has = append(s.has, names[topic.TopicID])
		}
		slices.Sort(s.has)
	}
	return protocol.None
}

// topicNames returns the names of all topics by their ids.
func (n *node) topicNames(ctx context.Context) map[[16]byte]string {
	n.t.Helper()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, n.client)
	if err != nil {
		n.t.Fatal(err)
	}
	names := map[[16]byte]string{}
	for _, topic := range response.Topics {
		names[topic.TopicID] = *topic.Topic
	}
	return names
}

// mustGet sends heartbeats until the member has the partitions of some topics.
func (s *searcher) mustGet(ctx context.Context, want ...string) {
	s.n.t.Helper()
	eventually(ctx, s.n.t, strings.Join(want, " and "), func() bool {
		code := s.beat(ctx, "o.*")
		return code == protocol.None && slices.Equal(s.has, want)
	})
}

// make has a topic made by writing to it.
func (n *node) make(ctx context.Context, topic string) {
	n.t.Helper()
	if err := n.client.ProduceSync(ctx, &kgo.Record{Topic: topic}).FirstErr(); err != nil {
		n.t.Fatal(err)
	}
}

// TestExpressionsFollowTheTopics has a member get the topics that its expression matches, at first, when
// topics come, and when the actor that compares them has failed over one that came.
func TestExpressionsFollowTheTopics(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	n.make(ctx, "orders")
	n.make(ctx, "mail")
	s := &searcher{n: n}
	eventually(ctx, t, "INVALID_REGULAR_EXPRESSION", func() bool {
		return s.beat(ctx, "o(") == protocol.InvalidRegularExpression
	})
	s.mustGet(ctx, "orders")
	n.make(ctx, "others")
	s.mustGet(ctx, "orders", "others")
	n.saboteur.arm(func(path string) bool { return path == "broker/groups/expressions" })
	n.make(ctx, "oak")
	<-n.saboteur.hit
	s.mustGet(ctx, "oak", "orders", "others")
	n.make(ctx, "olive")
	s.mustGet(ctx, "oak", "olive", "orders", "others")
	n.mustShow(ctx, `chronik_groups{protocol="consumer",state="Stable"} 1`, `chronik_group_members{protocol="consumer"} 1`,
		`chronik_group_rebalances_total{protocol="consumer"}`)
}

// mustShow looks at what is told to those who watch the node.
func (n *node) mustShow(ctx context.Context, lines ...string) {
	n.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.running.AdminAddr()+"/metrics", nil)
	if err != nil {
		n.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(string(text), "\n"+line) {
			n.t.Errorf("the metrics have no %s", line)
		}
	}
}
