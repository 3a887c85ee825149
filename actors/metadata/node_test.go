package metadata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// node is a metadata actor on a real Raft group, write-ahead log and janitor, all on a file system in
// memory and in an order that a seed decides.
type node struct {
	t        *testing.T
	world    *kittest.Seeded
	fs       *vfs.Mem
	current  *Current
	parent   *kittest.Probe
	janitor  kit.Address
	metadata kit.Address
	asker    *kittest.Probe
	options  Options
	token    uint64
}

func startNode(t *testing.T, seed uint64, fs *vfs.Mem) *node {
	t.Helper()
	world := kittest.NewSeeded(t, seed)
	incarnations := rand.New(rand.NewPCG(seed, 9))
	log, err := wal.Open(fs, "data/wal", wal.Options{FileBytes: 64 << 10, Incarnation: incarnations.Uint64})
	if err != nil {
		t.Fatal(err)
	}
	logger := zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)
	walAddress := world.System.Spawn("wal", walactor.Spec(walactor.Config{Log: logger, WAL: log}))
	n := &node{t: t, world: world, fs: fs, current: NewCurrent()}
	n.janitor = world.System.Spawn("janitor", janitor.Spec(janitor.Config{Log: logger, WAL: walAddress,
		Space: janitor.NewSpace(fs, "data")}))
	raft := world.System.Spawn(
		"raft",
		raftactor.HostSpec(raftactor.Config{WAL: walAddress, Janitor: n.janitor, Log: logger}),
	)
	n.options = Options{
		NodeID: 1, Directory: [16]byte{7},
		Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "localhost", Port: 9092}},
		FS:        fs, Dir: "data/metadata", Raft: raft,
		Current: n.current, Random: rand.NewChaCha8([32]byte{byte(seed)}), Log: logger,
	}
	n.parent = kittest.NewProbe(world.System, "broker")
	n.asker = kittest.NewProbe(world.System, "asker")
	n.spawn()
	return n
}

func (n *node) spawn() {
	n.t.Helper()
	spec, err := Spec(n.options)
	if err != nil {
		n.t.Fatal(err)
	}
	n.metadata = n.parent.Spawn(n.t, "metadata", spec)
}

// submit begins a change and returns its token.
func (n *node) submit(request any) uint64 {
	n.token++
	n.metadata.Tell(Submit{Request: request, ReplyTo: n.asker.Address, Token: n.token})
	return n.token
}

// do makes a change.
func (n *node) do(request any) (image.Event, error) {
	n.t.Helper()
	token := n.submit(request)
	answer := kittest.Expect[Submitted](n.t, n.asker, time.Second)
	if answer.Token != token {
		n.t.Fatalf("got an answer to %d, want one to %d", answer.Token, token)
	}
	return answer.Event, answer.Err
}

func TestClusterIsFormedAndTheBrokerRegistered(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	n.world.Run()
	i := n.current.Image()
	if len(i.ClusterID()) != 22 || n.current.Controller() != 1 {
		t.Errorf("cluster %q, controller %d", i.ClusterID(), n.current.Controller())
	}
	if at, found := i.Broker(1).Endpoint("PLAINTEXT"); !found || at.Port != 9092 {
		t.Errorf("broker %+v", i.Broker(1))
	}
}

func TestBrokerWithoutAddressWaitsForOne(t *testing.T) {
	seed := seedOf(t)
	n := startNode(t, seed, vfs.NewMem())
	n.world.Run()
	n.metadata.Tell(Announce{Endpoints: []image.Endpoint{{Listener: "PLAINTEXT", Host: "other", Port: 1}}})
	n.world.Run()
	if at, _ := n.current.Image().Broker(1).Endpoint("PLAINTEXT"); at.Host != "other" {
		t.Errorf("registered at %+v", at)
	}
}

// TestEarlyChangesWait submits before the actor has even started its group.
func TestEarlyChangesWait(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	if event, err := n.do(newTopic("early")); err != nil || event.(image.TopicCreated).Topic.Name != "early" {
		t.Errorf("got %v, %v", event, err)
	}
}

func TestOneOfTwoTopicsOfTheSameNameWins(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	n.submit(newTopic("a"))
	n.submit(newTopic("a"))
	codes := map[protocol.Code]int{}
	for range 2 {
		codes[protocol.CodeOf(kittest.Expect[Submitted](t, n.asker, time.Second).Err)]++
	}
	if codes[protocol.None] != 1 || codes[protocol.TopicAlreadyExists] != 1 {
		t.Errorf("got %v", codes)
	}
}

// TestSubscribersSeeEveryChangeInOrder replays the events on the first image and must get every later one.
func TestSubscribersSeeEveryChangeInOrder(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	subscriber := kittest.NewProbe(n.world.System, "subscriber")
	n.metadata.Tell(Subscribe{Who: subscriber.Address})
	n.metadata.Tell(Subscribe{Who: subscriber.Address}) // a second one changes nothing but is answered
	for k := range 30 {
		n.submit(newTopic(fmt.Sprint("t", k)))
	}
	n.world.Run()
	topics, version, firsts, caughtUp := map[string]bool{}, uint64(0), 0, false
	for _, message := range subscriber.All() {
		changed := message.(ImageChanged)
		if changed.First {
			firsts++
			clear(topics)
			for topic := range changed.Image.Topics() {
				topics[topic.Name] = true
			}
		} else if changed.Image.Version() != version+uint64(len(changed.Events)) {
			t.Fatalf("version %d with %d events after %d", changed.Image.Version(), len(changed.Events), version)
		}
		version = changed.Image.Version()
		caughtUp = caughtUp || changed.CaughtUp
		for _, event := range changed.Events {
			if created, is := event.(image.TopicCreated); is {
				topics[created.Topic.Name] = true
			}
		}
		if len(topics) != changed.Image.TopicCount() {
			t.Fatalf("events make %d topics, the image has %d", len(topics), changed.Image.TopicCount())
		}
	}
	if len(topics) != 30 || firsts != 2 || !caughtUp || version != n.current.Image().Version() {
		t.Errorf(
			"%d topics, %d first messages, caught up %v, version %d of %d",
			len(topics),
			firsts,
			caughtUp,
			version,
			n.current.Image().Version(),
		)
	}
}

// TestSubmittedComesAfterTheChangeIsKnown is what lets a handler ask another actor about a topic that it
// has just made.
func TestSubmittedComesAfterTheChangeIsKnown(t *testing.T) {
	seed := seedOf(t)
	for k := range uint64(20) {
		n := startNode(t, seed+k, vfs.NewMem())
		n.metadata.Tell(Subscribe{Who: n.asker.Address}) // the same mailbox, so the order shows
		n.submit(newTopic("a"))
		n.world.Run()
		known := false
		for _, message := range n.asker.All() {
			switch m := message.(type) {
			case ImageChanged:
				known = known || m.Image.Topic("a") != nil
			case Submitted:
				if !known || m.Err != nil {
					t.Fatalf("seed %d: answered before the image was told: %v", seed+k, m.Err)
				}
			}
		}
	}
}

func TestProducerIDsAreUniqueAndTakenInBlocks(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	const asked = 2500
	for k := range uint64(asked) {
		n.metadata.Tell(AllocateProducerID{ReplyTo: n.asker.Address, Token: k})
	}
	n.world.Run()
	seen := make(map[int64]bool)
	for _, message := range n.asker.All() {
		answer := message.(ProducerIDAllocated)
		if answer.Err != nil || seen[answer.ID] {
			t.Fatalf("got %+v", answer)
		}
		seen[answer.ID] = true
	}
	if len(seen) != asked || n.current.Image().NextProducerID() != 3*blockSize {
		t.Errorf("%d ids, next block at %d, want %d blocks", len(seen), n.current.Image().NextProducerID(), 3)
	}
}

// TestRebuiltActorGoesOn lets the actor fail under load. The group runs on, and the new actor finds it.
func TestRebuiltActorGoesOn(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	if _, err := n.do(newTopic("before")); err != nil {
		t.Fatal(err)
	}
	n.metadata.Tell(applied{}) // no image: the actor fails on it
	n.world.Run()
	n.parent.All() // ChildFailed and Terminated
	n.spawn()
	if _, err := n.do(newTopic("after")); err != nil {
		t.Fatal(err)
	}
	if i := n.current.Image(); i.Topic("before") == nil || i.Topic("after") == nil {
		t.Error("topics are missing")
	}
	subscriber := kittest.NewProbe(n.world.System, "subscriber")
	n.metadata.Tell(Subscribe{Who: subscriber.Address})
	first := kittest.Expect[ImageChanged](t, subscriber, time.Second)
	if !first.First || !first.CaughtUp || first.Image.TopicCount() != 2 {
		t.Errorf("got %+v with %d topics", first, first.Image.TopicCount())
	}
}

// TestNothingConfirmedIsLostInACrash makes changes and checkpoints, loses power at a random turn, starts
// again from what is on the disk, and looks for everything that was confirmed.
func TestNothingConfirmedIsLostInACrash(t *testing.T) {
	seed := seedOf(t)
	for k := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, k))
		n := startNode(t, seed+k, vfs.NewMem())
		confirmed := map[string]image.TopicID{}
		highest := int64(-1)
		for life := range 4 {
			for c := range 20 {
				n.submit(newTopic(fmt.Sprintf("t%d-%d", life, c)))
				if rng.IntN(4) == 0 {
					n.metadata.Tell(AllocateProducerID{ReplyTo: n.asker.Address})
				}
				if rng.IntN(5) == 0 {
					n.janitor.Tell(janitor.CheckpointNow{ReplyTo: n.asker.Address})
				}
				for range rng.IntN(60) {
					n.world.Step()
				}
			}
			if life == 3 {
				n.world.Run()
			}
			highest = n.collect(confirmed, highest)
			n = startNode(t, seed+k+uint64(life)*1000, n.fs.CrashClone(rng))
			n.world.Run()
			for name, id := range confirmed {
				if topic := n.current.Image().Topic(name); topic == nil || topic.ID != id {
					t.Fatalf(
						"seed %d, life %d: topic %s was confirmed with id %s and is now %v",
						seed+k,
						life,
						name,
						id,
						topic,
					)
				}
			}
			if n.current.Image().NextProducerID() <= highest {
				t.Fatalf("producer id %d was handed out, and the next block begins at %d", highest,
					n.current.Image().NextProducerID())
			}
		}
		if len(confirmed) == 0 {
			t.Error("nothing was confirmed: the test proves nothing")
		}
	}
}

// collect reads the answers that have arrived, and returns the highest producer id among them.
func (n *node) collect(confirmed map[string]image.TopicID, highest int64) int64 {
	for _, message := range n.asker.All() {
		switch m := message.(type) {
		case Submitted:
			if created, is := m.Event.(image.TopicCreated); is && m.Err == nil {
				confirmed[created.Topic.Name] = created.Topic.ID
			}
		case ProducerIDAllocated:
			if m.Err == nil {
				highest = max(highest, m.ID)
			}
		}
	}
	return highest
}

func TestRestartKeepsClusterAndBroker(t *testing.T) {
	n := startNode(t, seedOf(t), vfs.NewMem())
	n.world.Run()
	id := n.current.Image().ClusterID()
	n = startNode(t, 5, n.fs.CrashClone(rand.New(rand.NewPCG(1, 1))))
	n.world.Run()
	if i := n.current.Image(); i.ClusterID() != id || i.Broker(1).Incarnation != 1 {
		t.Errorf("cluster %s became %s, broker %+v", id, i.ClusterID(), i.Broker(1))
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	if _, err := Spec(Options{Static: map[string]string{"num.partitions": "0"}, Current: NewCurrent()}); err == nil {
		t.Error("num.partitions=0 was taken")
	}
}

func TestErrorsOfTheLogHaveCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code protocol.Code
	}{
		{nil, protocol.None},
		{protocol.Errorf(protocol.InvalidConfig, "x"), protocol.InvalidConfig},
		{group.ErrNotLeader{Leader: 2}, protocol.NotController},
		{kit.ErrStopped, protocol.NotController},
		{group.ErrLostLeadership, protocol.RequestTimedOut},
		{fmt.Errorf("%w: %w", group.ErrLostLeadership, kit.ErrStopped), protocol.RequestTimedOut},
		{group.ErrBusy, protocol.RequestTimedOut},
		{errors.New("other"), protocol.UnknownServerError},
	} {
		if got := protocol.CodeOf(refused(c.err)); got != c.code {
			t.Errorf("%v: got %v, want %v", c.err, got, c.code)
		}
	}
	for _, message := range []kit.Refusable{Submit{}, AllocateProducerID{}} {
		message.Refuse(kit.ErrStopped) // to nobody: nothing happens
	}
}
