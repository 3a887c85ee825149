package broker

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/protocol"
)

// commit stores an offset of partition 0 of orders in the name of nobody, and returns its code.
func (n *node) commit(ctx context.Context, group string, offset int64) protocol.Code {
	n.t.Helper()
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = group, -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = "orders"
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset, p.LeaderEpoch = offset, -1
	topic.Partitions = append(topic.Partitions, p)
	r.Topics = append(r.Topics, topic)
	// Topic ids came with version 10; by name is enough here.
	response, err := n.ask(ctx, r, 9)
	if err != nil {
		return protocol.UnknownServerError
	}
	return protocol.Code(response.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
}

// ask sends a request in a fixed version, once.
func (n *node) ask(ctx context.Context, r kmsg.Request, version int16) (kmsg.Response, error) {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(r.Key(), version)
	client, err := kgo.NewClient(kgo.SeedBrokers(n.running.Addr()), kgo.MaxVersions(versions),
		kgo.RequestRetries(0))
	if err != nil {
		n.t.Fatal(err)
	}
	defer client.Close()
	return client.Request(ctx, r)
}

// committed returns the offset of a group, -1 if there is none, and whether the coordinator answered.
func (n *node) committed(ctx context.Context, group string) (int64, protocol.Code) {
	n.t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group = group
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic, topic.Partitions = "orders", []int32{0}
	r.Topics = append(r.Topics, topic)
	response, err := n.ask(ctx, r, 7)
	if err != nil {
		return 0, protocol.UnknownServerError
	}
	answer := response.(*kmsg.OffsetFetchResponse)
	if answer.ErrorCode != 0 {
		return 0, protocol.Code(answer.ErrorCode)
	}
	return answer.Topics[0].Partitions[0].Offset, protocol.None
}

func (n *node) mustCommit(ctx context.Context, group string, offset int64) {
	n.t.Helper()
	eventually(ctx, n.t, "commit", func() bool { return n.commit(ctx, group, offset) == protocol.None })
}

func (n *node) mustHave(ctx context.Context, group string, want int64) {
	n.t.Helper()
	eventually(ctx, n.t, fmt.Sprintf("offset %d of %s", want, group), func() bool {
		got, code := n.committed(ctx, group)
		if code == protocol.None && got != want {
			n.t.Fatalf("got offset %d of %s, want %d", got, group, want)
		}
		return code == protocol.None
	})
}

// TestOffsetsOutliveTheirActors commits, ends each actor on the way in turn, and the node at last.
func TestOffsetsOutliveTheirActors(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	n := startNodeIn(t, dir)
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	offset := int64(0)
	for _, part := range []string{"/consumers-", "/coordinator-", "broker/groups"} {
		offset++
		n.mustCommit(ctx, "readers/1", offset)
		n.saboteur.arm(func(path string) bool {
			return strings.Contains(path, part) && (part != "/coordinator-" || strings.Count(path, "/") == 2)
		})
		n.commit(ctx, "readers/1", offset) // may be lost with the actor
		if hit := <-n.saboteur.hit; !strings.Contains(hit, part) {
			t.Fatalf("got sabotage of %s, want %s", hit, part)
		}
		n.mustHave(ctx, "readers/1", offset)
	}
	n.stop()
	n = startNodeIn(t, dir)
	defer n.stop()
	n.mustHave(ctx, "readers/1", offset)
	n.mustHave(ctx, "nobody", -1) // a group that does not exist
}

// TestGroupIsDeleted shows a group in the list, deletes it, and finds nothing of it after a restart.
func TestGroupIsDeleted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	n := startNodeIn(t, dir)
	if err := n.produce(ctx); err != nil {
		t.Fatal(err)
	}
	n.mustCommit(ctx, "gone", 1)
	n.mustCommit(ctx, "stays", 1)
	n.mustList(ctx, "gone Empty", "stays Empty")
	n.mustDelete(ctx, "nobody", protocol.GroupIDNotFound)
	n.mustDelete(ctx, "gone", protocol.None)
	n.mustList(ctx, "stays Empty")
	n.stop()
	n = startNodeIn(t, dir)
	defer n.stop()
	n.mustHave(ctx, "gone", -1)
	n.mustHave(ctx, "stays", 1)
	n.mustList(ctx, "stays Empty")
}

// mustDelete deletes a group. One at a time: the client asks for all of them again if one has to wait.
func (n *node) mustDelete(ctx context.Context, group string, want protocol.Code) {
	n.t.Helper()
	r := kmsg.NewPtrDeleteGroupsRequest()
	r.Groups = []string{group}
	response, err := r.RequestWith(ctx, n.client)
	if err != nil {
		n.t.Fatal(err)
	}
	if got := protocol.Code(response.Groups[0].ErrorCode); got != want {
		n.t.Errorf("delete %s: got %s, want %s", group, got, want)
	}
}

// mustList compares the groups that the node lists, each with its state.
func (n *node) mustList(ctx context.Context, want ...string) {
	n.t.Helper()
	eventually(ctx, n.t, fmt.Sprint(want), func() bool {
		response, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, n.client)
		if err != nil || response.ErrorCode != 0 {
			return false
		}
		var got []string
		for _, one := range response.Groups {
			got = append(got, one.Group+" "+one.GroupState)
		}
		return slices.Equal(got, want)
	})
}

// TestStopDoesNotWaitForARebalance stops a node while a member waits for another one to join anew.
func TestStopDoesNotWaitForARebalance(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = "waiting", 60_000, 60_000
	join.ProtocolType = "test"
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name, protocol.Metadata = "any", []byte{}
	join.Protocols = append(join.Protocols, protocol)
	eventually(ctx, t, "first member", func() bool {
		response, err := n.ask(ctx, join, 3)
		return err == nil && response.(*kmsg.JoinGroupResponse).ErrorCode == 0
	})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = n.ask(ctx, join, 3) // ends with the connection, or is told to go elsewhere
	}()
	n.mustList(ctx, "waiting PreparingRebalance")
	begun := time.Now()
	n.stop()
	if took := time.Since(begun); took > patience { // the member may take twice as long
		t.Errorf("got a stop of %s, want one that does not wait for the member", took)
	}
	<-answered
}

// TestEveryVersionIsAnswered sends each request about groups and transactions in each version that is
// advertised, for a group that does not exist: nobody may be told more than that, and no answer may fail to
// be encoded.
func TestEveryVersionIsAnswered(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	n.mustHave(ctx, "nobody", -1) // the coordinators are there
	for _, key := range []kmsg.Key{
		kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.Heartbeat, kmsg.LeaveGroup,
		kmsg.SyncGroup, kmsg.DescribeGroups, kmsg.ListGroups, kmsg.DeleteGroups, kmsg.OffsetDelete,
		kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.DescribeTransactions,
		kmsg.ListTransactions,
		kmsg.ConsumerGroupHeartbeat, kmsg.ConsumerGroupDescribe,
	} {
		for _, row := range protocol.Versions() {
			for version := row.Min; row.Key == key.Int16() && version <= row.Max; version++ {
				if key == kmsg.AddPartitionsToTxn && version > 3 {
					continue // the client does not send what only brokers do
				}
				response, err := n.ask(ctx, aboutNobody(key), version)
				if err != nil {
					t.Errorf("%s %d: %v", key.Name(), version, err)
				} else if response.GetVersion() != version {
					t.Errorf("%s: got version %d, want %d", key.Name(), response.GetVersion(), version)
				}
			}
		}
	}
}

// aboutNobody returns a request that names the group "nobody" wherever any version has room for it.
func aboutNobody(key kmsg.Key) kmsg.Request {
	switch r := key.Request().(type) {
	case *kmsg.OffsetCommitRequest:
		r.Group, r.Generation = "nobody", 1
		return r
	case *kmsg.OffsetFetchRequest:
		one := kmsg.NewOffsetFetchRequestGroup()
		one.Group = "nobody"
		r.Group, r.Groups, r.Topics = "nobody", append(r.Groups, one), []kmsg.OffsetFetchRequestTopic{}
		return r
	case *kmsg.FindCoordinatorRequest:
		r.CoordinatorKey, r.CoordinatorKeys = "nobody", []string{"nobody"}
		return r
	case *kmsg.JoinGroupRequest:
		r.Group, r.MemberID, r.SessionTimeoutMillis = "nobody", "who", 10_000
		return r
	case *kmsg.HeartbeatRequest:
		r.Group = "nobody"
		return r
	case *kmsg.LeaveGroupRequest:
		r.Group, r.MemberID = "nobody", "who"
		return r
	case *kmsg.SyncGroupRequest:
		r.Group = "nobody"
		return r
	case *kmsg.DescribeGroupsRequest:
		r.Groups = []string{"nobody"}
		return r
	case *kmsg.DeleteGroupsRequest:
		r.Groups = []string{"nobody"}
		return r
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.Group, r.MemberID, r.MemberEpoch = "nobody", "who", 1
		return r
	case *kmsg.ConsumerGroupDescribeRequest:
		r.Groups = []string{"nobody"}
		return r
	case *kmsg.OffsetDeleteRequest:
		r.Group = "nobody"
		return r
	case *kmsg.InitProducerIDRequest:
		r.TransactionalID, r.TransactionTimeoutMillis = kmsg.StringPtr("nobody"), 60_000
		r.ProducerID, r.ProducerEpoch = -1, -1
		return r
	case *kmsg.AddPartitionsToTxnRequest:
		one := kmsg.NewAddPartitionsToTxnRequestTransaction()
		one.TransactionalID = "nobody"
		r.TransactionalID, r.Transactions = "nobody", append(r.Transactions, one)
		return r
	case *kmsg.AddOffsetsToTxnRequest:
		r.TransactionalID, r.Group = "nobody", "nobody"
		return r
	case *kmsg.EndTxnRequest:
		r.TransactionalID = "nobody"
		return r
	case *kmsg.DescribeTransactionsRequest:
		r.TransactionalIDs = []string{"nobody"}
		return r
	default:
		return r
	}
}

// TestMembersShareThePartitions has members of a group come and go while records are produced: nothing is
// left out, and what has been committed is the end of the log when all have left.
func TestMembersShareThePartitions(t *testing.T) {
	t.Run("classic", func(t *testing.T) { testSharing(t) })
	t.Run("newer", func(t *testing.T) { testSharing(t, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())) })
}

func testSharing(t *testing.T, protocol ...kgo.Opt) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNode(t)
	defer n.stop()
	seen := &seen{values: map[string]bool{}}
	const records = 200
	for range 2 {
		n.produceMany(ctx, records)
		n.consume(ctx, seen, records/4, protocol...).wait() // leaves in the middle
	}
	var members []*member
	for range 3 {
		members = append(members, n.consume(ctx, seen, math.MaxInt, protocol...))
	}
	n.produceMany(ctx, records)
	eventually(ctx, t, "all records read", func() bool { return seen.count() == len(n.acked) })
	for _, m := range members {
		m.stop()
		m.wait()
	}
	n.mustHave(ctx, "sharing", int64(len(n.acked)))
	n.mustList(ctx, "sharing Empty")
}

func (n *node) produceMany(ctx context.Context, records int) {
	n.t.Helper()
	for range records {
		if err := n.produce(ctx); err != nil {
			n.t.Fatal(err)
		}
	}
}

// seen are the records that any member has read.
type seen struct {
	mu     sync.Mutex
	values map[string]bool
}

func (s *seen) add(value string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[value] = true
	return len(s.values)
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.values)
}

// member is a consumer that runs until it is stopped, or has read so many records.
type member struct {
	stop context.CancelFunc
	done chan struct{}
}

func (m *member) wait() { <-m.done }

func (n *node) consume(ctx context.Context, seen *seen, most int, protocol ...kgo.Opt) *member {
	n.t.Helper()
	client, err := kgo.NewClient(append(protocol, kgo.SeedBrokers(n.running.Addr()), kgo.ConsumeTopics("orders"),
		kgo.ConsumerGroup("sharing"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.DisableAutoCommit())...)
	if err != nil {
		n.t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	m := &member{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		defer client.Close()
		for read := 0; running.Err() == nil && read < most; {
			client.PollRecords(running, 10).EachRecord(func(r *kgo.Record) { read++; seen.add(string(r.Value)) })
			_ = client.CommitUncommittedOffsets(ctx) // a rebalance may be under way; the next one counts
		}
		for ctx.Err() == nil && client.CommitUncommittedOffsets(ctx) != nil { // as the last one does
		}
	}()
	return m
}
