package partitions

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

// self is the node that the manager under test runs on; there are brokers 1 to 4.
const self int32 = 1

// world is a manager among a metadata log, a host of Raft groups and links that a test plays. All actors
// run inline.
type world struct {
	*testing.T
	system   *kit.System
	clock    *kittest.Clock
	image    *image.Image
	metadata *kittest.Probe
	raft     *raftOf
	links    map[int32]*kittest.Probe
	down     map[int32]bool
	asker    *kittest.Probe
	broker   *kittest.Probe // the parent of the manager
	options  Options
	leaders  *partition.Leaders
	table    *partition.Table
	manager  kit.Address
	fs       *vfs.Mem
}

func newWorld(t *testing.T) *world {
	system, clock := kittest.NewInline(t)
	w := &world{
		T: t, system: system, clock: clock, image: image.New(), down: map[int32]bool{},
		metadata: kittest.NewProbe(system, "metadata"), asker: kittest.NewProbe(system, "asker"), broker: kittest.NewProbe(system, "broker"),
		links: map[int32]*kittest.Probe{}, leaders: partition.NewLeaders(), table: partition.NewTable(),
		fs: vfs.NewMem(),
	}
	for node := int32(2); node <= 4; node++ {
		w.links[node] = kittest.NewProbe(system, "link-"+string(rune('0'+node)))
	}
	w.raft = &raftOf{specs: map[wal.GroupID]raftactor.Spec{}, told: map[string][]any{}}
	host := system.Spawn("raft", kit.Spec{New: func() kit.Actor { return w.raft }})
	w.apply(&metadatapb.Command{Kind: &metadatapb.Command_FormCluster{
		FormCluster: &metadatapb.FormCluster{ClusterId: "cluster"},
	}})
	for id := int32(1); id <= 4; id++ {
		w.apply(register(id, byte(id)))
	}
	w.options = Options{
		NodeID: self, Directory: [16]byte{15: 1}, Table: w.table, Leaders: w.leaders,
		Metadata: w.metadata.Address, Peers: w,
		Partition:         &partition.Options{FS: w.fs, LogDir: "/data", Raft: host, Log: zerolog.Nop()},
		Configure:         func(*image.Image, *image.Topic) *partition.Config { return &partition.Config{} },
		RetentionInterval: time.Hour, Log: zerolog.Nop(),
	}
	w.manager = w.broker.Spawn(t, "partitions", Spec(w.options))
	kittest.Expect[metadata.Subscribe](t, w.metadata, time.Second)
	return w
}

// Alive implements Peers.
func (w *world) Alive(node int32) bool { return node == self || !w.down[node] }

// Nodes implements Peers.
func (w *world) Nodes() []int32 { return []int32{2, 3, 4} }

// Link implements Peers.
func (w *world) Link(node int32) kit.Address { return w.links[node].Address }

func register(id int32, directory byte) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_RegisterBroker{RegisterBroker: &metadatapb.RegisterBroker{
		Id: id, Directory: append(make([]byte, 15), directory),
	}}}
}

// topicOf creates a topic of one partition on these brokers.
func topicOf(name string, id image.TopicID, brokers ...int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_CreateTopic{CreateTopic: &metadatapb.CreateTopic{
		Name: name, Id: id[:], Partitions: []*metadatapb.Assignment{{Brokers: brokers}},
	}}}
}

func reassign(id image.TopicID, brokers ...int32) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_ReassignPartitions{
		ReassignPartitions: &metadatapb.ReassignPartitions{
			Id: id[:], Partitions: []*metadatapb.Reassignment{{Brokers: brokers}},
		},
	}}
}

// complete0 ends a reassignment of partition 0 that the image does not have yet: three replicas, of which the
// last one is the first to come.
func (w *world) complete0(id image.TopicID, brokers ...int32) *metadatapb.Command {
	var target []uint64
	for i, broker := range brokers {
		replica := w.image.Broker(broker).Replica()
		if i == len(brokers)-1 {
			replica = replica.WithAddition(1)
		}
		target = append(target, uint64(replica))
	}
	return &metadatapb.Command{Kind: &metadatapb.Command_CompleteReassignment{
		CompleteReassignment: &metadatapb.CompleteReassignment{Id: id[:], Target: target},
	}}
}

// remove deletes a topic.
func (w *world) remove(id image.TopicID) {
	w.Helper()
	w.change(remove(id))
}

func remove(id image.TopicID) *metadatapb.Command {
	return &metadatapb.Command{Kind: &metadatapb.Command_DeleteTopic{
		DeleteTopic: &metadatapb.DeleteTopic{Id: id[:]},
	}}
}

func (w *world) complete(id image.TopicID) *metadatapb.Command {
	p, _ := w.image.TopicByID(id).Partition(0)
	return &metadatapb.Command{Kind: &metadatapb.Command_CompleteReassignment{
		CompleteReassignment: &metadatapb.CompleteReassignment{Id: id[:], Target: numbers(p.Target())},
	}}
}

func (w *world) apply(command *metadatapb.Command) image.Event {
	w.Helper()
	next, event := w.image.Apply(command)
	if rejected, is := event.(image.Rejected); is {
		w.Fatal(rejected.Err)
	}
	w.image = next
	return event
}

// change makes changes and tells the manager.
func (w *world) change(commands ...*metadatapb.Command) {
	w.Helper()
	changed := metadata.ImageChanged{CaughtUp: true}
	for _, command := range commands {
		changed.Events = append(changed.Events, w.apply(command))
	}
	changed.Image = w.image
	w.manager.Tell(changed)
}

// begin tells the manager the whole image.
func (w *world) begin(caughtUp bool) {
	w.manager.Tell(metadata.ImageChanged{Image: w.image, First: true, CaughtUp: caughtUp})
}

// partition returns partition 0 of a topic.
func (w *world) partition(id image.TopicID) image.Partition {
	w.Helper()
	p, found := w.image.TopicByID(id).Partition(0)
	if !found {
		w.Fatalf("no topic %v", id)
	}
	return p
}

// lead has the group of a topic say that a replica leads it.
func (w *world) lead(id image.TopicID, leader image.ReplicaID, term uint64, ready bool) {
	w.Helper()
	p := w.partition(id)
	w.raft.specs[p.Group].Events.Tell(group.LeaderChanged{
		Group: p.Group, Leader: uint64(leader), Term: term, Ready: ready,
	})
}

// members has the group of a topic say who its members are; all are in sync.
func (w *world) members(id image.TopicID, term uint64, voters ...image.ReplicaID) {
	w.Helper()
	p := w.partition(id)
	w.raft.specs[p.Group].Events.Tell(group.MembersChanged{
		Group: p.Group, Term: term, Voters: numbers(voters), InSync: numbers(voters),
	})
}

// announced returns what a node was told, since the last time.
func (w *world) announced(node int32) []*announcement {
	w.Helper()
	var all []*announcement
	for _, message := range w.links[node].All() {
		notice, is := message.(link.Notice)
		if !is {
			w.Fatalf("node %d got %T", node, message)
		}
		a, err := decodeAnnouncement(notice.Body)
		if err != nil || notice.Service != link.ServiceLeaders {
			w.Fatalf("node %d got %+v: %v", node, notice, err)
		}
		all = append(all, a)
	}
	return all
}

// hear brings an announcement of another node.
func (w *world) hear(from int32, a announcement) {
	w.manager.Tell(link.Noticed{From: from, Service: link.ServiceLeaders, Body: a.encode()})
}

// raftOf stands for the host of the Raft groups. Its groups note what they are told.
type raftOf struct {
	specs      map[wal.GroupID]raftactor.Spec
	removed    []wal.GroupID
	told       map[string][]any // by the group's name
	subscribed kit.Address
}

// Receive implements kit.Actor.
func (r *raftOf) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case raftactor.Start:
		if _, runs := r.specs[m.Group]; runs {
			m.Refuse(raftactor.ErrExists)
			return
		}
		name := "group-" + m.Name
		r.specs[m.Group] = m.Spec
		core := c.Spawn(name, kit.Spec{New: func() kit.Actor { return groupOf{r, m.Name} }})
		m.ReplyTo.Tell(raftactor.Started{Group: m.Group, Core: core, Token: m.Token})
	case raftactor.Stop:
		if spec, runs := r.specs[m.Group]; runs {
			delete(r.specs, m.Group)
			c.Stop(c.Self().Child("group-" + spec.Name))
		}
		r.removed = append(r.removed, m.Group)
		m.ReplyTo.Tell(raftactor.Stopped{Group: m.Group, Token: m.Token})
	case raftactor.Subscribe:
		r.subscribed = m.Who
	}
}

type groupOf struct {
	*raftOf
	name string
}

// Receive implements kit.Actor.
func (g groupOf) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started, kit.Stopping, kit.Stopped:
	default:
		if !strings.HasPrefix(c.Self().Name(), "group-") {
			panic("BUG: got a message for nobody")
		}
		g.told[g.name] = append(g.told[g.name], m)
	}
}

// last returns the last message of a kind that a group was told.
func last[T any](w *world, name string) (T, bool) {
	var found T
	var is bool
	for _, message := range w.raft.told[name] {
		if one, matches := message.(T); matches {
			found, is = one, true
		}
	}
	return found, is
}
