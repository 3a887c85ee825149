package api

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// cluster is a host that can be changed: a metadata log that commits at once, and leaders that are elected
// as soon as somebody waits for them.
type cluster struct {
	*host
	planner     *controller.Planner
	nextID      int64
	silentLog   bool // changes get no answer
	leaderless  bool // nobody is elected
	failIDs     bool
	submissions int
	handover    partitions.Handover // asked for last
	quorum      metadata.QuorumDescribed
}

// newCluster returns a cluster of two brokers, of which this is the first. Static holds the configs of its
// file.
func newCluster(t *testing.T, static map[string]string) *cluster {
	t.Helper()
	c := &cluster{host: newHost(t)}
	c.env.Settings.Static = static
	for id := int32(1); id <= 2; id++ {
		c.register(id)
	}
	planner, err := controller.NewPlanner(hostNode, static, rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	c.planner = planner
	c.env.Metadata = c.system.Spawn(
		"metadata",
		kit.Spec{New: func() kit.Actor { return metadataOf{c} }, Log: kittest.NoLog},
	)
	c.env.Partitions = c.system.Spawn("partitions", kit.Spec{New: func() kit.Actor { return partitionsOf{c} }})
	return c
}

// register makes a broker known.
func (c *cluster) register(id int32) {
	c.apply(
		&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
			Id: id, Directory: append(make([]byte, 15), byte(id)), Rack: fmt.Sprint("r", id-1)[:min(int(id), 2)],
			Endpoints: []*metadatapb.Endpoint{{Listener: "PLAINTEXT", Host: fmt.Sprint("host", id), Port: 9090 + id}},
		}}},
	)
}

// serves says which features a broker serves.
func (c *cluster) serves(id int32, served features.Ranges) {
	known := c.image.Broker(id)
	c.apply(&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
		Id: id, Directory: known.Directory[:], Rack: known.Rack, Features: image.RangesProto(served),
		Endpoints: []*metadatapb.Endpoint{image.EndpointProto(known.Endpoints[0])},
	}}})
}

// metadataOf stands for the actor "metadata" of a cluster.
type metadataOf struct{ *cluster }

func (m metadataOf) Receive(c *kit.Context) {
	switch q := c.Message().(type) {
	case metadata.Submit:
		m.submissions++
		if m.silentLog {
			return
		}
		plan, err := m.planner.Plan(m.image, q.Request)
		if err == nil {
			m.image = plan.Next
		}
		q.ReplyTo.Tell(metadata.Submitted{Token: q.Token, Event: plan.Event, Err: err})
	case metadata.DescribeQuorum:
		described := m.quorum
		described.Token = q.Token
		q.ReplyTo.Tell(described)
	case metadata.AllocateProducerID:
		switch {
		case m.silentLog:
		case m.failIDs:
			q.ReplyTo.Tell(metadata.ProducerIDAllocated{Token: q.Token, Err: protocol.Errorf(protocol.NotController, "")})
		default:
			q.ReplyTo.Tell(metadata.ProducerIDAllocated{Token: q.Token, ID: m.nextID})
			m.nextID++
		}
	}
}

// partitionsOf stands for the actor "partitions" of a cluster.
type partitionsOf struct{ *cluster }

func (p partitionsOf) Receive(c *kit.Context) {
	switch q := c.Message().(type) {
	case partitions.AwaitLeaders:
		if p.leaderless {
			return
		}
		for _, id := range q.Topics {
			p.elect(p.image.TopicByID(id))
		}
		c.After(time.Millisecond, elected{q}) // the replicas hear of their leaders first
	case partitions.Handover:
		p.handover = q
		if !p.leaderless {
			q.ReplyTo.Tell(group.Transferred{Group: q.Group, Token: q.Token})
		}
	case elected:
		q.asked.ReplyTo.Tell(partitions.LeadersReady{Token: q.asked.Token})
	}
}

// elected says that everybody who was asked for has a leader.
type elected struct{ asked partitions.AwaitLeaders }

// elect makes every broker the leader of the partitions whose preferred leader it is.
func (c *cluster) elect(topic *image.Topic) {
	local := &partition.Topic{Name: topic.Name, ID: topic.ID}
	known := c.env.Replicas.TopicByID(topic.ID)
	for _, p := range topic.Partitions {
		replica := known.Replica(p.Index)
		if replica == nil {
			replica = partition.NewReplica(topic.Name, topic.ID, p.Index, p.Group,
				partition.ConfigOf(c.env.Layers(c.image, topic)))
			replica.Dir = "/data/" + replica.Name()
			c.host.host(replica)
		}
		local.Replicas = append(local.Replicas, replica)
		c.lead(topic.Name, p.Index, p.Brokers()[0], 3, true)
	}
	c.env.Replicas.Put(local)
}

// make makes a topic through CreateTopics.
func (c *cluster) make(name string, partitions int32, configs ...string) *image.Topic {
	c.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Version = 7
	r.TimeoutMillis = 1000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, -1
	for i := 0; i < len(configs); i += 2 {
		one := kmsg.NewCreateTopicsRequestTopicConfig()
		one.Name, one.Value = configs[i], &configs[i+1]
		topic.Configs = append(topic.Configs, one)
	}
	r.Topics = append(r.Topics, topic)
	answer := ask[*kmsg.CreateTopicsResponse](c.host, r)
	if answer.Topics[0].ErrorCode != 0 {
		c.Fatalf("%s: %s: %s", name, protocol.Code(answer.Topics[0].ErrorCode), *answer.Topics[0].ErrorMessage)
	}
	return c.image.Topic(name)
}

// versions calls a test for every version of an API that is served.
func versions(t *testing.T, key kmsg.Key, test func(t *testing.T, version int16)) {
	t.Helper()
	for _, row := range protocol.Versions() {
		if row.Key != key.Int16() {
			continue
		}
		for version := row.Min; version <= row.Max; version++ {
			t.Run(fmt.Sprint("v", version), func(t *testing.T) { test(t, version) })
		}
		return
	}
	t.Fatalf("%s is not served", key.Name())
}

func wantMessage(t testing.TB, name string, got *string, want string) {
	t.Helper()
	if got == nil || *got != want {
		shown := "null"
		if got != nil {
			shown = *got
		}
		t.Errorf("%s: got message %q, want %q", name, shown, want)
	}
}
