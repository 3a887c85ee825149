package api

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// hostNode is the broker that a host plays.
const hostNode = 1

// host is a broker without Raft: topics in an image, replicas with real logs on a disk in memory, and
// leadership as the test wants it. All actors run inline.
type host struct {
	*testing.T
	system  *kit.System
	clock   *kittest.Clock
	image   *image.Image
	env     *request.Env
	options *partition.Options
	disk    *hostDisk
	leaders map[topicPartition]*hostLeader
	asked   int
}

// hostDisk is a data directory.
type hostDisk struct{ err error }

func (d *hostDisk) Low() bool { return false }

func (d *hostDisk) Describe() (string, vfs.Space, error) {
	return "/data", vfs.Space{Free: 300, Total: 1000}, d.err
}

func newHost(t *testing.T) *host {
	system, clock := kittest.NewInline(t)
	h := &host{
		T: t, system: system, clock: clock, image: image.New(), disk: &hostDisk{},
		options: &partition.Options{FS: vfs.NewMem(), LogDir: "/data", Log: zerolog.Nop()},
		leaders: make(map[topicPartition]*hostLeader),
	}
	h.env = &request.Env{
		NodeID: hostNode, Image: func() *image.Image { return h.image }, Replicas: partition.NewTable(),
		Controller: func() int32 { return hostNode }, Disk: h.disk, Log: zerolog.Nop(), Now: clock.Now,
		Settings: request.Settings{RequestTimeout: 30 * time.Second},
	}
	h.apply(&metadatapb.Command{Kind: &metadatapb.Command_FormCluster{FormCluster: &metadatapb.FormCluster{
		ClusterId: "cluster",
	}}})
	for id := int32(hostNode); id <= 2; id++ {
		broker := &metadatapb.RegisterBroker{Id: id, Directory: append(make([]byte, 15), byte(id))}
		h.apply(&metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: broker}})
	}
	return h
}

func (h *host) apply(command *metadatapb.Command) {
	h.Helper()
	next, event := h.image.Apply(command)
	if rejected, is := event.(image.Rejected); is {
		h.Fatalf("image refuses %v: %v", command, rejected)
	}
	h.image = next
}

// topic makes a topic with a replica of every partition on this broker, which nobody leads yet.
func (h *host) topic(name string, partitions int, configs map[string]string) *partition.Topic {
	h.Helper()
	id := append(make([]byte, 14), 1, byte(h.image.TopicCount()+1))
	create := &metadatapb.CreateTopic{Name: name, Id: id, Configs: configs}
	for range partitions {
		create.Partitions = append(create.Partitions, &metadatapb.Assignment{Brokers: []int32{hostNode}})
	}
	h.apply(&metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: create}})
	topic := h.image.Topic(name)
	local := &partition.Topic{Name: name, ID: topic.ID}
	for _, p := range topic.Partitions {
		config := partition.ConfigOf(h.env.Layers(h.image, topic))
		replica := partition.NewReplica(name, topic.ID, p.Index, p.Group, config)
		replica.Dir = "/data/" + replica.Name()
		h.host(replica)
		local.Replicas = append(local.Replicas, replica)
	}
	h.env.Replicas.Put(local)
	return local
}

// host opens the log of a replica and spawns what stands for its Raft group.
func (h *host) host(replica *partition.Replica) {
	h.Helper()
	machine, err := partition.OpenMachine(replica, h.options, nil, false)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(machine.Close)
	leader := &hostLeader{machine: machine}
	h.leaders[topicPartition{replica.Topic, replica.Partition}] = leader
	replica.Core = h.system.Spawn("group-"+replica.Name(), kit.Spec{New: func() kit.Actor { return leader }})
	leader.replica = h.system.Spawn("partition-"+replica.Name(), partition.Spec(replica, h.options))
}

// hostLeader stands for the Raft group of a replica: what it is asked to propose is committed at once.
type hostLeader struct {
	machine  *partition.Machine
	replica  kit.Address // the actor of the replica
	preparer applier.Preparer
	silent   bool
}

// Receive implements kit.Actor.
func (l *hostLeader) Receive(c *kit.Context) {
	if propose, is := c.Message().(group.Propose); is && !l.silent {
		result, err := l.propose(propose.Request)
		propose.ReplyTo.Tell(group.Proposed{Token: propose.Token, Result: result, Err: err})
	}
}

func (l *hostLeader) propose(request any) (any, error) {
	if l.preparer == nil {
		return nil, group.ErrNotLeader{}
	}
	prepared := l.preparer.Prepare(request)
	if prepared.Err != nil || prepared.Data == nil {
		return prepared.Answer, prepared.Err
	}
	results, err := l.machine.Apply([]applier.Entry{{Data: prepared.Data}})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// lead makes a broker the leader of a partition at an epoch, as this broker sees it.
func (h *host) lead(topic string, index, node int32, epoch uint64, ready bool) {
	h.Helper()
	leader := h.leaders[topicPartition{topic, index}]
	leader.preparer = nil
	if node == hostNode {
		leader.preparer = leader.machine.Lead(epoch)
	}
	var id uint64
	if node >= 0 {
		id = uint64(image.NewReplicaID(node, 1))
	}
	leader.replica.Tell(group.LeaderChanged{Leader: id, Term: epoch, Ready: ready})
}

// write appends a batch to a partition that this broker leads.
func (h *host) write(topic string, index int32, b batch.Batch) {
	h.Helper()
	if _, err := h.leaders[topicPartition{topic, index}].propose(partition.Append{Batch: b}); err != nil {
		h.Fatal(err)
	}
}

// ask sends a request through the whole path of a connection: parsed from its frame, handled, run as a
// task if it is one, and answered as a frame.
func ask[T kmsg.Response](h *host, r kmsg.Request) T {
	h.Helper()
	response, task := h.handle(r)
	if task != nil {
		h.asked++
		conn := kittest.NewProbe(h.system, fmt.Sprintf("conn-%d", h.asked))
		child := h.system.Spawn(fmt.Sprintf("call-%d", h.asked), call.Spec(task, conn.Address, 7, kittest.NoLog))
		if ordered, is := task.(call.Ordered); is {
			ordered.Send(child)
		}
		h.clock.Advance(h.env.Settings.RequestTimeout)
		done := kittest.Expect[request.Done](h, conn, time.Second)
		if done.Slot != 7 {
			h.Fatalf("got slot %d, want 7", done.Slot)
		}
		response = done.Body
	}
	frame := protocol.AppendResponse(nil, protocol.Header{Key: r.Key(), Version: r.GetVersion()}, response)
	answer, header := r.ResponseKind(), 8
	if answer.IsFlexible() && r.Key() != kmsg.ApiVersions.Int16() {
		header++
	}
	if err := answer.ReadFrom(frame[header:]); err != nil {
		h.Fatal(err)
	}
	return answer.(T)
}

// handle parses a request from its frame and passes it to its handler.
func (h *host) handle(r kmsg.Request) (kmsg.Response, call.Task) {
	h.Helper()
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)[4:]
	parsed, err := protocol.ParseRequest(frame)
	if err != nil {
		h.Fatal(err)
	}
	return Handle(h.env, request.Client{}, parsed)
}

func wantCode(t testing.TB, name string, got int16, want protocol.Code) {
	t.Helper()
	if protocol.Code(got) != want {
		t.Errorf("%s: got %s, want %s", name, protocol.Code(got), want)
	}
}

var errDisk = errors.New("disk is gone")
