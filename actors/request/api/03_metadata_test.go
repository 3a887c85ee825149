package api

import (
	"fmt"
	"math"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
)

// metadataRequest asks for topics by name; nil asks for all.
func metadataRequest(version int16, names ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.Version = version
	r.AllowAutoTopicCreation = true
	if version == 0 {
		r.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func byTopicID(version int16, ids ...image.TopicID) *kmsg.MetadataRequest {
	r := metadataRequest(version)
	for _, id := range ids {
		topic := kmsg.NewMetadataRequestTopic()
		topic.TopicID = id
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func TestMetadataOfTheCluster(t *testing.T) {
	versions(t, kmsg.Metadata, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		topic := c.make("orders", 2)
		r := metadataRequest(version)
		r.IncludeClusterAuthorizedOperations, r.IncludeTopicAuthorizedOperations = true, true
		answer := ask[*kmsg.MetadataResponse](c.host, r)
		if len(answer.Brokers) != 2 || answer.Brokers[0].Host != "host1" || answer.Brokers[1].Port != 9092 {
			t.Errorf("brokers %+v", answer.Brokers)
		}
		if len(answer.Topics) != 1 || *answer.Topics[0].Topic != "orders" || len(answer.Topics[0].Partitions) != 2 {
			t.Fatalf("topics %+v", answer.Topics)
		}
		got := answer.Topics[0].Partitions[0]
		if got.ErrorCode != 0 || got.Leader != topic.Partitions[0].Brokers()[0] || len(got.ISR) != 1 ||
			len(got.Replicas) != 1 {
			t.Errorf("partition %+v", got)
		}
		if version >= 1 &&
			(answer.ControllerID != hostNode || answer.Brokers[1].Rack == nil || *answer.Brokers[1].Rack != "r1") {
			t.Errorf("controller %d, rack %v", answer.ControllerID, answer.Brokers[1].Rack)
		}
		if version >= 2 && (answer.ClusterID == nil || *answer.ClusterID != "cluster") {
			t.Errorf("cluster %v", answer.ClusterID)
		}
		if version >= 7 && got.LeaderEpoch != 3 {
			t.Errorf("leader epoch %d", got.LeaderEpoch)
		}
		if version >= 10 && answer.Topics[0].TopicID != topic.ID {
			t.Errorf("topic id %v", answer.Topics[0].TopicID)
		}
		if version >= 8 && answer.Topics[0].AuthorizedOperations != topicOperations {
			t.Errorf("topic operations %d", answer.Topics[0].AuthorizedOperations)
		}
		if version >= 8 && version <= 10 && answer.AuthorizedOperations != clusterOperations {
			t.Errorf("cluster operations %d", answer.AuthorizedOperations)
		}
	})
}

func TestOperationsAreToldOnlyIfAskedFor(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(8))
	if answer.AuthorizedOperations != math.MinInt32 || answer.Topics[0].AuthorizedOperations != math.MinInt32 {
		t.Errorf("got %d and %d", answer.AuthorizedOperations, answer.Topics[0].AuthorizedOperations)
	}
}

func TestNoTopicsMeansAllInVersion0Only(t *testing.T) {
	versions(t, kmsg.Metadata, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		c.make("a", 1)
		c.make("b", 1)
		r := metadataRequest(version)
		r.Topics = []kmsg.MetadataRequestTopic{}
		want := 0
		if version == 0 {
			want = 2
		}
		if answer := ask[*kmsg.MetadataResponse](c.host, r); len(answer.Topics) != want {
			t.Errorf("empty: %d topics, want %d", len(answer.Topics), want)
		}
	})
}

func TestTopicsAreMadeWhenTheirMetadataIsAskedFor(t *testing.T) {
	versions(t, kmsg.Metadata, func(t *testing.T, version int16) {
		c := newCluster(t, map[string]string{"num.partitions": "3"})
		answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(version, "new", "new", "other"))
		if len(answer.Topics) != 3 || len(answer.Topics[0].Partitions) != 3 || c.submissions != 2 {
			t.Fatalf("topics %+v after %d submissions", answer.Topics, c.submissions)
		}
		for _, p := range answer.Topics[0].Partitions {
			if p.ErrorCode != 0 || p.Leader < 0 {
				t.Errorf("answered before it had a leader: %+v", p)
			}
		}
	})
}

func TestTopicsAreNotMadeAgainstAnybodysWill(t *testing.T) {
	c := newCluster(t, nil)
	r := metadataRequest(4, "new")
	r.AllowAutoTopicCreation = false
	answer := ask[*kmsg.MetadataResponse](c.host, r)
	wantCode(t, "client does not allow it", answer.Topics[0].ErrorCode, protocol.UnknownTopicOrPartition)
	c = newCluster(t, map[string]string{"auto.create.topics.enable": "false"})
	answer = ask[*kmsg.MetadataResponse](c.host, metadataRequest(3, "new"))
	wantCode(t, "broker does not allow it", answer.Topics[0].ErrorCode, protocol.UnknownTopicOrPartition)
	if c.submissions != 0 {
		t.Errorf("%d submissions", c.submissions)
	}
}

func TestBrokersOwnTopicsAreNotMadeByAsking(t *testing.T) {
	c := newCluster(t, nil)
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, image.OffsetsTopic, image.MetadataTopic))
	for _, topic := range answer.Topics {
		wantCode(t, *topic.Topic, topic.ErrorCode, protocol.UnknownTopicOrPartition)
	}
	if !answer.Topics[0].IsInternal || answer.Topics[1].IsInternal || c.submissions != 0 {
		t.Errorf("got %+v after %d submissions", answer.Topics, c.submissions)
	}
}

func TestMetadataErrors(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a.b", 1)
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "bad name", "a_b", "a.b"))
	wantCode(t, "bad name", answer.Topics[0].ErrorCode, protocol.InvalidTopicException)
	wantCode(t, "a_b", answer.Topics[1].ErrorCode, protocol.InvalidTopicException)
	wantCode(t, "a.b", answer.Topics[2].ErrorCode, protocol.None)
}

func TestMetadataByTopicID(t *testing.T) {
	c := newCluster(t, nil)
	topic := c.make("a", 1)
	for version := int16(12); version <= 13; version++ {
		answer := ask[*kmsg.MetadataResponse](c.host, byTopicID(version, topic.ID, image.TopicID{9}))
		if *answer.Topics[0].Topic != "a" || answer.Topics[0].ErrorCode != 0 {
			t.Errorf("v%d: got %+v", version, answer.Topics[0])
		}
		wantCode(t, "unknown id", answer.Topics[1].ErrorCode, protocol.UnknownTopicID)
		if answer.Topics[1].Topic != nil || answer.Topics[1].TopicID != (image.TopicID{9}) {
			t.Errorf("v%d: got %+v", version, answer.Topics[1])
		}
		neither := ask[*kmsg.MetadataResponse](c.host, byTopicID(version, image.TopicID{}))
		wantCode(t, "neither name nor id", neither.Topics[0].ErrorCode, protocol.InvalidRequest)
	}
	for version := int16(10); version <= 11; version++ {
		r := metadataRequest(version, "a")
		r.Topics[0].TopicID = topic.ID
		answer := ask[*kmsg.MetadataResponse](c.host, r)
		wantCode(t, fmt.Sprint("id in version ", version), answer.Topics[0].ErrorCode, protocol.InvalidRequest)
		answer = ask[*kmsg.MetadataResponse](c.host, byTopicID(version, topic.ID))
		wantCode(
			t,
			fmt.Sprint("null name in version ", version),
			answer.Topics[0].ErrorCode,
			protocol.InvalidRequest,
		)
	}
}

func TestPartitionWithoutLeader(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	c.lead("a", 0, -1, 4, false)
	got := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions[0]
	wantCode(t, "nobody leads", got.ErrorCode, protocol.LeaderNotAvailable)
	if got.Leader != -1 || len(got.ISR) != 0 || len(got.Replicas) != 1 {
		t.Errorf("got %+v", got)
	}
	c.lead("a", 0, hostNode, 4, false)
	got = ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions[0]
	wantCode(t, "elected, not ready", got.ErrorCode, protocol.LeaderNotAvailable)
	c.lead("a", 0, hostNode, 4, true)
	got = ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || got.Leader != hostNode || got.LeaderEpoch != 4 {
		t.Errorf("got %+v", got)
	}
}

// TestLeaderThatClientsCannotReach has a leader that is not registered, then one without listeners.
func TestLeaderThatClientsCannotReach(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	c.lead("a", 0, 7, 4, false)
	got := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions[0]
	wantCode(t, "unknown broker", got.ErrorCode, protocol.LeaderNotAvailable)
	c.apply(&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{
		RegisterBroker: &metadatapb.RegisterBroker{Id: 7, Directory: make([]byte, 16)}}})
	for version, code := range map[int16]protocol.Code{5: protocol.LeaderNotAvailable, 6: protocol.ListenerNotFound} {
		got = ask[*kmsg.MetadataResponse](c.host, metadataRequest(version, "a")).Topics[0].Partitions[0]
		wantCode(t, fmt.Sprint("no listener, version ", version), got.ErrorCode, code)
	}
	if brokers := ask[*kmsg.MetadataResponse](c.host, metadataRequest(6, "a")).Brokers; len(brokers) != 2 {
		t.Errorf("a broker that cannot be reached is told of: %+v", brokers)
	}
}

// TestBrokerThatHasJustEnded keeps clients from forgetting a broker that is started again.
func TestBrokerThatHasJustEnded(t *testing.T) {
	c := newCluster(t, nil)
	c.register(3)
	ended := true
	c.env.Alive = func(broker int32) bool { return broker != 2 }
	c.env.Returning = func(broker int32) bool { return broker == 2 && ended }
	for _, want := range []int{3, 2} {
		if got := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Brokers; len(got) != want {
			t.Errorf("has ended a moment ago: %t: got %d brokers, want %d", ended, len(got), want)
		}
		ended = false
	}
}

func TestMissingReplicas(t *testing.T) {
	c := newCluster(t, map[string]string{"default.replication.factor": "2"})
	c.make("a", 1)
	gone := int32(2)
	if c.image.Topic("a").Partitions[0].Brokers()[0] == 2 {
		c.lead("a", 0, hostNode, 4, true)
	}
	c.apply(&metadatapb.Command{Kind: &metadatapb.Command_UnregisterBroker{
		UnregisterBroker: &metadatapb.UnregisterBroker{Id: gone}}})
	got := ask[*kmsg.MetadataResponse](c.host, metadataRequest(0, "a")).Topics[0].Partitions[0]
	wantCode(t, "version 0", got.ErrorCode, protocol.ReplicaNotAvailable)
	if len(got.Replicas) != 1 {
		t.Errorf("version 0: %+v", got)
	}
	got = ask[*kmsg.MetadataResponse](c.host, metadataRequest(5, "a")).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || len(got.Replicas) != 2 || len(got.OfflineReplicas) != 1 ||
		got.OfflineReplicas[0] != gone {
		t.Errorf("version 5: %+v", got)
	}
}

func TestTopicWithoutLeaderInTimeSaysSo(t *testing.T) {
	c := newCluster(t, nil)
	c.leaderless = true
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "new"))
	if answer.Topics[0].ErrorCode != 0 || len(answer.Topics[0].Partitions) != 1 {
		t.Fatalf("got %+v", answer.Topics[0])
	}
	wantCode(t, "no leader yet", answer.Topics[0].Partitions[0].ErrorCode, protocol.LeaderNotAvailable)
	c = newCluster(t, nil)
	c.silentLog = true
	answer = ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "new"))
	wantCode(t, "not made in time", answer.Topics[0].ErrorCode, protocol.LeaderNotAvailable)
}

func TestAutoCreationIsBounded(t *testing.T) {
	c := newCluster(t, nil)
	names := make([]string, maxAutoCreate+10)
	for i := range names {
		names[i] = fmt.Sprint("t", i)
	}
	c.silentLog = true
	answer := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, names...))
	if len(answer.Topics) != len(names) || c.submissions != maxAutoCreate {
		t.Errorf("%d topics, %d submissions", len(answer.Topics), c.submissions)
	}
	wantCode(t, "over the bound", answer.Topics[len(names)-1].ErrorCode, protocol.UnknownTopicOrPartition)
}

// BenchmarkMetadata answers Metadata 12 for a thousand topics of one partition, encoding included.
func BenchmarkMetadata(b *testing.B) {
	system, clock := kittest.NewInline(b)
	i := image.New()
	apply := func(command *metadatapb.Command) { i, _ = i.Apply(command) }
	apply(
		&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
			Id: 1, Directory: make([]byte, 16), Endpoints: []*metadatapb.Endpoint{{Host: "localhost", Port: 9092}}}}},
	)
	env := &request.Env{
		NodeID:     1,
		Image:      func() *image.Image { return i },
		Controller: func() int32 { return 1 },
		Replicas:   partition.NewTable(),
		Log:        zerolog.Nop(),
		Now:        clock.Now,
	}
	r := metadataRequest(12)
	for n := range 1000 {
		name, id := fmt.Sprintf("topic-%04d", n), append(make([]byte, 14), byte(n>>8)+1, byte(n))
		apply(
			&metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: &metadatapb.CreateTopic{Name: name,
				Id: id, Partitions: []*metadatapb.Assignment{{Brokers: []int32{1}}}}}},
		)
		replica := partition.NewReplica(name, image.TopicID(id), 0, wal.GroupID(n+2), nil)
		at := system.Spawn(name, partition.Spec(replica, &partition.Options{Log: zerolog.Nop()}))
		at.Tell(group.LeaderChanged{Leader: uint64(image.NewReplicaID(1, 1)), Term: 1, Ready: true})
		env.Replicas.Put(
			&partition.Topic{Name: name, ID: image.TopicID(id), Replicas: []*partition.Replica{replica}},
		)
		r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	parsed := &protocol.Request{Header: protocol.Header{Key: 3, Version: 12}, Body: r}
	var frame []byte
	b.ReportAllocs()
	for b.Loop() {
		response, task := Handle(env, request.Client{}, parsed)
		if task != nil {
			b.Fatal("it waits")
		}
		frame = protocol.AppendResponse(frame[:0], parsed.Header, response)
	}
	b.SetBytes(int64(len(frame)))
}
