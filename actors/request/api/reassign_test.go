package api

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
)

// spread returns a cluster with the leaders of its partitions in a table, and a topic of one partition that
// brokers 2 and 1 hold, of which 1 leads.
func spread(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, nil)
	c.env.Leaders = partition.NewLeaders()
	if _, err := c.change(controller.CreateTopic{
		Name: "a", Partitions: controller.FromDefault, ReplicationFactor: controller.FromDefault,
		Assignments: []controller.Assignment{{Partition: 0, Brokers: []int32{2, 1}}},
	}); err != nil {
		t.Fatal(err)
	}
	c.announce(1, 1, 1, 2)
	return c
}

// change makes a change without an asker.
func (c *cluster) change(request any) (image.Event, error) {
	plan, err := c.planner.Plan(c.image, request)
	if err == nil {
		c.image = plan.Next
	}
	return plan.Event, err
}

// announce lets a node announce that it leads topic a.
func (c *cluster) announce(node int32, epoch protocol.LeaderEpoch, inSync ...int32) {
	p, _ := c.image.Topic("a").Partition(0)
	c.env.Leaders.Learn(p.Group, &partition.Leadership{Node: node, Epoch: epoch, Ready: true, InSync: inSync}, node)
}

func electionRequest(version int16, kind int8, topics ...kmsg.ElectLeadersRequestTopic) *kmsg.ElectLeadersRequest {
	r := kmsg.NewPtrElectLeadersRequest()
	r.Version, r.ElectionType, r.TimeoutMillis, r.Topics = version, kind, 5000, topics
	return r
}

func electionOf(topic string, partitions ...int32) kmsg.ElectLeadersRequestTopic {
	return kmsg.ElectLeadersRequestTopic{Topic: topic, Partitions: partitions}
}

func TestLeadershipIsHandedToThePreferredReplica(t *testing.T) {
	versions(t, kmsg.ElectLeaders, func(t *testing.T, version int16) {
		c := spread(t)
		for _, topics := range [][]kmsg.ElectLeadersRequestTopic{{electionOf("a", 0)}, nil} {
			answer := ask[*kmsg.ElectLeadersResponse](c.host, electionRequest(version, electPreferred, topics...))
			if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
				t.Fatalf("got %+v", answer.Topics)
			}
			one := answer.Topics[0].Partitions[0]
			wantCode(t, "a-0", one.ErrorCode, protocol.None)
			if one.ErrorMessage != nil {
				t.Errorf("got message %q", *one.ErrorMessage)
			}
			p, _ := c.image.Topic("a").Partition(0)
			if c.handover.Group != p.Group || c.handover.To != uint64(p.Preferred()) {
				t.Errorf("asked %+v, want a handover to %v", c.handover, p.Preferred())
			}
		}
	})
}

func TestElectionErrorsAreKafkas(t *testing.T) {
	dead := func(c *cluster) { c.env.Alive = func(id int32) bool { return id == 1 } }
	for name, test := range map[string]struct {
		kind      int8
		prepare   func(c *cluster)
		topic     string
		partition int32
		want      protocol.Code
		message   string
	}{
		"unknown topic":     {electPreferred, nil, "b", 0, protocol.UnknownTopicOrPartition, "No such topic as b"},
		"unknown partition": {electPreferred, nil, "a", 7, protocol.UnknownTopicOrPartition, "No such partition as a-7"},
		"leads already": {electPreferred, func(c *cluster) { c.announce(2, 2, 2) }, "a", 0,
			protocol.ElectionNotNeeded, electionNotNeeded.Message},
		"not alive": {electPreferred, dead, "a", 0,
			protocol.PreferredLeaderNotAvailable, preferredNotAvailable.Message},
		"not in sync": {electPreferred, func(c *cluster) { c.announce(1, 2, 1) }, "a", 0,
			protocol.PreferredLeaderNotAvailable, preferredNotAvailable.Message},
		"unclean, has a leader": {electUnclean, nil, "a", 0, protocol.ElectionNotNeeded, electionNotNeeded.Message},
		"unclean, has none": {electUnclean, func(c *cluster) { c.env.Leaders = partition.NewLeaders() }, "a", 0,
			protocol.EligibleLeadersNotAvailable, eligibleNotAvailable.Message},
		"unknown kind": {7, nil, "a", 0, protocol.InvalidRequest, "Unknown election type 7"},
	} {
		t.Run(name, func(t *testing.T) {
			c := spread(t)
			if test.prepare != nil {
				test.prepare(c)
			}
			answer := ask[*kmsg.ElectLeadersResponse](c.host,
				electionRequest(2, test.kind, electionOf(test.topic, test.partition)))
			one := answer.Topics[0].Partitions[0]
			wantCode(t, name, one.ErrorCode, test.want)
			wantMessage(t, name, one.ErrorMessage, test.message)
			if (answer.ErrorCode != 0) != (test.want == protocol.InvalidRequest) {
				t.Errorf("the whole answer has code %d", answer.ErrorCode)
			}
		})
	}
}

func TestElectionOfAllLeavesOutWhatNeedsNone(t *testing.T) {
	c := spread(t)
	c.announce(2, 2, 1, 2)
	answer := ask[*kmsg.ElectLeadersResponse](c.host, electionRequest(2, electPreferred))
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 0 {
		t.Fatalf("got %+v", answer.Topics)
	}
}

func TestHandoverWithoutAnAnswerTimesOut(t *testing.T) {
	c := spread(t)
	c.leaderless = true
	answer := ask[*kmsg.ElectLeadersResponse](c.host, electionRequest(2, electPreferred, electionOf("a", 0)))
	wantCode(t, "a-0", answer.Topics[0].Partitions[0].ErrorCode, protocol.RequestTimedOut)
}

func reassignRequest(version int16, brokers []int32) *kmsg.AlterPartitionAssignmentsRequest {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.Version, r.TimeoutMillis = version, 5000
	r.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{
		Topic: "a", Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Replicas: brokers}},
	}}
	return r
}

func listRequest(topics ...kmsg.ListPartitionReassignmentsRequestTopic) *kmsg.ListPartitionReassignmentsRequest {
	r := kmsg.NewPtrListPartitionReassignmentsRequest()
	r.Topics = topics
	return r
}

func TestPartitionsAreReassignedListedAndCalledOff(t *testing.T) {
	versions(t, kmsg.AlterPartitionAssignments, func(t *testing.T, version int16) {
		c := spread(t)
		if got := ask[*kmsg.ListPartitionReassignmentsResponse](c.host, listRequest()); len(got.Topics) != 0 {
			t.Fatalf("got %+v before there is a reassignment", got.Topics)
		}
		r := reassignRequest(version, []int32{1})
		got := ask[*kmsg.AlterPartitionAssignmentsResponse](c.host, r)
		wantCode(t, "begin", got.Topics[0].Partitions[0].ErrorCode, protocol.None)
		named := kmsg.ListPartitionReassignmentsRequestTopic{Topic: "a", Partitions: []int32{5, 0}}
		other := kmsg.ListPartitionReassignmentsRequestTopic{Topic: "none", Partitions: []int32{0}}
		for _, r := range []*kmsg.ListPartitionReassignmentsRequest{listRequest(), listRequest(other, named)} {
			got := ask[*kmsg.ListPartitionReassignmentsResponse](c.host, r)
			if len(got.Topics) != 1 || got.Topics[0].Topic != "a" || len(got.Topics[0].Partitions) != 1 {
				t.Fatalf("got %+v", got.Topics)
			}
			one := got.Topics[0].Partitions[0]
			if !slices.Equal(one.Replicas, []int32{1, 2}) || len(one.AddingReplicas) != 0 ||
				!slices.Equal(one.RemovingReplicas, []int32{2}) {
				t.Fatalf("got %+v", one)
			}
		}
		got = ask[*kmsg.AlterPartitionAssignmentsResponse](c.host, reassignRequest(version, nil))
		wantCode(t, "call off", got.Topics[0].Partitions[0].ErrorCode, protocol.None)
		got = ask[*kmsg.AlterPartitionAssignmentsResponse](c.host, reassignRequest(version, nil))
		wantCode(t, "call off again", got.Topics[0].Partitions[0].ErrorCode, protocol.NoReassignmentInProgress)
	})
}

func TestNumberOfReplicasIsKeptIfTheClientSaysSo(t *testing.T) {
	c := spread(t)
	r := reassignRequest(1, []int32{1})
	r.AllowReplicationFactorChange = false
	got := ask[*kmsg.AlterPartitionAssignmentsResponse](c.host, r)
	wantCode(t, "a-0", got.Topics[0].Partitions[0].ErrorCode, protocol.InvalidReplicationFactor)
	if got.AllowReplicationFactorChange {
		t.Error("the answer says that the number may change")
	}
}

func TestReassignmentErrorsAreKafkas(t *testing.T) {
	for name, test := range map[string]struct {
		brokers []int32
		want    protocol.Code
	}{
		"no brokers":     {[]int32{}, protocol.InvalidReplicaAssignment},
		"unknown broker": {[]int32{1, 9}, protocol.InvalidReplicaAssignment},
		"twice":          {[]int32{1, 1}, protocol.InvalidReplicaAssignment},
	} {
		got := ask[*kmsg.AlterPartitionAssignmentsResponse](spread(t).host, reassignRequest(1, test.brokers))
		wantCode(t, name, got.Topics[0].Partitions[0].ErrorCode, test.want)
	}
	r := reassignRequest(1, []int32{1})
	r.Topics[0].Topic = "none"
	got := ask[*kmsg.AlterPartitionAssignmentsResponse](spread(t).host, r)
	wantCode(t, "unknown topic", got.Topics[0].Partitions[0].ErrorCode, protocol.UnknownTopicOrPartition)
	wantMessage(t, "unknown topic", got.Topics[0].Partitions[0].ErrorMessage, "Unable to find a topic named none.")
}

func TestBrokerIsUnregisteredWhenItHoldsNothing(t *testing.T) {
	c := spread(t)
	for _, test := range []struct {
		broker int32
		want   protocol.Code
	}{{9, protocol.BrokerIDNotRegistered}, {2, protocol.InvalidRequest}, {3, protocol.None}} {
		if test.broker == 3 {
			if _, err := c.change(controller.RegisterBroker{ID: 3, Directory: [16]byte{3}}); err != nil {
				t.Fatal(err)
			}
		}
		r := kmsg.NewPtrUnregisterBrokerRequest()
		r.BrokerID = test.broker
		got := ask[*kmsg.UnregisterBrokerResponse](c.host, r)
		wantCode(t, "unregister", got.ErrorCode, test.want)
		if (got.ErrorMessage == nil) != (test.want == protocol.None) {
			t.Errorf("got message %v with %v", got.ErrorMessage, test.want)
		}
	}
	if c.image.Broker(3) != nil {
		t.Error("broker 3 is registered still")
	}
}

func quorumOf(version int16, topic string, partitions ...int32) *kmsg.DescribeQuorumRequest {
	r := kmsg.NewPtrDescribeQuorumRequest()
	r.Version = version
	one := kmsg.DescribeQuorumRequestTopic{Topic: topic}
	for _, index := range partitions {
		one.Partitions = append(one.Partitions, kmsg.DescribeQuorumRequestTopicPartition{Partition: index})
	}
	r.Topics = append(r.Topics, one)
	return r
}

func TestQuorumIsDescribed(t *testing.T) {
	versions(t, kmsg.DescribeQuorum, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		if _, err := c.change(controller.RegisterBroker{ID: 2, Directory: [16]byte{15: 2}, Raft: "peer2:5002"}); err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(1_700_000_000_123)
		c.quorum = metadata.QuorumDescribed{Quorum: metadata.Quorum{
			Leader: 2, Epoch: 7, HighWatermark: 41,
			Voters:    []metadata.QuorumMember{{Node: 2, Directory: [16]byte{9}, End: 42, LastFetch: at, CaughtUpAt: at}},
			Observers: []metadata.QuorumMember{{Node: 3, End: 40}},
		}}
		got := ask[*kmsg.DescribeQuorumResponse](c.host, quorumOf(version, image.MetadataTopic, 0))
		p := got.Topics[0].Partitions[0]
		if p.LeaderID != 2 || p.LeaderEpoch != 7 || p.HighWatermark != 41 || len(p.CurrentVoters) != 1 || len(p.Observers) != 1 {
			t.Fatalf("got %+v", p)
		}
		voter, observer := p.CurrentVoters[0], p.Observers[0]
		if voter.ReplicaID != 2 || voter.LogEndOffset != 42 || observer.ReplicaID != 3 || observer.LogEndOffset != 40 {
			t.Errorf("got %+v and %+v", voter, observer)
		}
		if version >= 1 && (voter.LastFetchTimestamp != at.UnixMilli() || observer.LastCaughtUpTimestamp != -1) {
			t.Errorf("got times %+v and %+v", voter, observer)
		}
		if version >= 2 {
			if voter.ReplicaDirectoryID != [16]byte{9} || len(got.Nodes) != 1 || got.Nodes[0].Listeners[0].Host != "peer2" ||
				got.Nodes[0].Listeners[0].Port != 5002 {
				t.Errorf("got %+v and nodes %+v", voter, got.Nodes)
			}
		}
	})
}

func TestThereIsOneQuorum(t *testing.T) {
	c := newCluster(t, nil)
	for name, r := range map[string]*kmsg.DescribeQuorumRequest{
		"another topic":     quorumOf(2, "a", 0),
		"another partition": quorumOf(2, image.MetadataTopic, 1),
		"two partitions":    quorumOf(2, image.MetadataTopic, 0, 0),
	} {
		got := ask[*kmsg.DescribeQuorumResponse](c.host, r)
		wantCode(t, name, got.Topics[0].Partitions[0].ErrorCode, protocol.UnknownTopicOrPartition)
		wantCode(t, name, got.ErrorCode, protocol.None)
	}
	c.quorum.Err = protocol.Errorf(protocol.NotController, "nobody leads")
	got := ask[*kmsg.DescribeQuorumResponse](c.host, quorumOf(2, image.MetadataTopic, 0))
	wantCode(t, "no controller", got.ErrorCode, protocol.NotController)
	wantMessage(t, "no controller", got.ErrorMessage, "nobody leads")
}

// KIP-951, and the rule that a leader which cannot be reached is none.
func TestMetadataTellsWhatOtherNodesAnnounce(t *testing.T) {
	c := spread(t)
	c.register(3)
	r := kmsg.NewPtrMetadataRequest()
	r.Version = 12
	r.Topics = []kmsg.MetadataRequestTopic{{Topic: pointer("a")}}
	c.announce(2, 9, 2)
	got := ask[*kmsg.MetadataResponse](c.host, r)
	p := got.Topics[0].Partitions[0]
	if p.Leader != 2 || p.LeaderEpoch != 9 || !slices.Equal(p.ISR, []int32{2}) || len(got.Brokers) != 3 {
		t.Fatalf("got %+v of %+v", p, got.Brokers)
	}
	c.env.Alive = func(id int32) bool { return id != 2 }
	got = ask[*kmsg.MetadataResponse](c.host, r)
	p = got.Topics[0].Partitions[0]
	wantCode(t, "a-0", p.ErrorCode, protocol.LeaderNotAvailable)
	if p.Leader != -1 || p.LeaderEpoch != 9 || !slices.Equal(p.OfflineReplicas, []int32{2}) || len(got.Brokers) != 2 {
		t.Fatalf("got %+v of %+v", p, got.Brokers)
	}
	d := kmsg.NewPtrDescribeClusterRequest()
	d.Version, d.EndpointType, d.IncludeFencedBrokers = 2, endpointBrokers, true
	described := ask[*kmsg.DescribeClusterResponse](c.host, d)
	if len(described.Brokers) != 3 || described.Brokers[0].IsFenced || !described.Brokers[1].IsFenced {
		t.Fatalf("got %+v", described.Brokers)
	}
}

func TestABrokerThatIsCutOffTellsOfTheOthers(t *testing.T) {
	c := spread(t)
	c.register(3)
	c.env.Alive = func(int32) bool { return false }
	r := kmsg.NewPtrMetadataRequest()
	r.Version = 12
	if got := ask[*kmsg.MetadataResponse](c.host, r); len(got.Brokers) != 3 {
		t.Fatalf("got %+v, want all: a client that knows only this broker asks nobody else", got.Brokers)
	}
}
