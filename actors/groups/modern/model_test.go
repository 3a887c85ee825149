package modern

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// world is a group with clients that behave, on a network that loses answers, with a log that refuses writes
// and a coordinator that comes and goes.
type world struct {
	t        *testing.T
	random   *rand.Rand
	settings Settings
	topics   *cluster
	group    *Group
	log      disk
	now      time.Time
	clients  []*consumer
	made     int
	epoch    int32 // the largest of the group so far
	calm     bool  // nothing goes wrong any more
}

// consumer is a client. owned is what it works on: the truth that no two of them may share.
type consumer struct {
	id       string
	classic  bool
	eager    bool // gives all back before it joins
	names    []string
	epoch    int32 // 0: not in the group
	owned    records.Partitions
	assigned records.Partitions // what it was told to have last
	told     bool               // its last heartbeat said what it owns
	missed   int                // answers in a row that it did not hear
	synced   bool               // classic: it has asked for its assignment
	next     time.Time          // its next heartbeat
}

func (w *world) chance(oneIn int) bool { return !w.calm && w.random.IntN(oneIn) == 0 }

// commit ends a call: what it wrote is in the log or not. It returns false if the client does not hear.
func (w *world) commit() bool {
	written := w.group.Take()
	if len(written) > 0 && w.chance(20) {
		w.group.Settle(false)
		return false
	}
	w.log.append(written)
	w.group.Settle(true)
	if w.group.epoch < w.epoch {
		w.t.Fatalf("got epoch %d of the group after %d", w.group.epoch, w.epoch)
	}
	w.epoch = w.group.epoch
	return !w.chance(15)
}

func (w *world) join() {
	w.made++
	c := &consumer{id: fmt.Sprint("m", w.made), owned: records.Partitions{}, next: w.now}
	c.classic = w.group.Size() > 0 && w.random.IntN(3) == 0
	c.eager = w.random.IntN(2) == 0
	c.names = w.subscription()
	w.clients = append(w.clients, c)
}

func (w *world) subscription() []string {
	names := []string{"a"}
	for _, name := range []string{"b", "c"} {
		if w.random.IntN(2) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// step lets something happen, then a client send what it has to.
func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.random.IntN(400)) * time.Millisecond)
	switch {
	case w.chance(40) && len(w.clients) < 8:
		w.join()
	case w.chance(60) && len(w.clients) > 1: // a crash: it works on nothing any more, and nobody knows
		w.remove(w.random.IntN(len(w.clients)))
	case w.chance(60) && len(w.clients) > 1:
		w.leave(w.random.IntN(len(w.clients)))
	case w.chance(80):
		w.topics.set([]string{"a", "b", "c"}[w.random.IntN(3)], w.random.Int32N(7))
	case w.chance(100):
		restored, err := Restore("g", w.log, &w.settings, w.now)
		if err != nil {
			w.t.Fatal(err)
		}
		w.group = restored
	case w.chance(80) && len(w.clients) > 0:
		c := w.clients[w.random.IntN(len(w.clients))]
		c.names, c.next = w.subscription(), w.now
		c.told = false
	}
	w.group.Tick(w.now, w.topics)
	w.commit()
	for _, c := range slices.Clone(w.clients) {
		if c.next.After(w.now) {
			continue
		}
		c.next = w.now.Add(time.Duration(500+w.random.IntN(1000)) * time.Millisecond)
		if c.classic {
			w.turnOfClassic(c)
		} else {
			w.turn(c)
		}
		w.check()
	}
}

func (w *world) remove(at int) { w.clients = slices.Delete(w.clients, at, at+1) }

func (w *world) leave(at int) {
	c := w.clients[at]
	w.remove(at)
	if c.classic {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.MemberID = c.id
		w.group.Leave(r, w.topics)
	} else {
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.MemberID, r.MemberEpoch = c.id, leaving
		w.group.Heartbeat(w.now, classic.Client{}, r, w.topics)
	}
	w.commit()
}

// turn is a heartbeat of the newer protocol. What the client was told to give back it gives back now and says
// so; what it was given it takes at once.
func (w *world) turn(c *consumer) {
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Version, r.Group, r.MemberID, r.MemberEpoch = 1, "g", c.id, c.epoch
	if w.chance(3) && c.assigned != nil { // it takes its time
		r.Topics = w.listed(c.owned)
	} else if c.assigned != nil {
		c.owned = c.owned.And(c.assigned).Plus(c.assigned)
		c.assigned = nil
		r.Topics = w.listed(c.owned)
	}
	if !c.told || c.epoch == 0 {
		r.SubscribedTopicNames, r.RebalanceTimeoutMillis = c.names, 60_000
		r.Topics = w.listed(c.owned)
	}
	if err := Check(r, &w.settings); err != nil {
		w.t.Fatal(err)
	}
	response := w.group.Heartbeat(w.now, classic.Client{}, r, w.topics)
	if !w.commit() {
		c.told = false
		c.missed++
		return
	}
	missed := c.missed
	c.missed = 0
	switch code := protocol.Code(response.ErrorCode); code {
	case protocol.None:
	case protocol.FencedMemberEpoch, protocol.UnknownMemberID:
		if code == protocol.FencedMemberEpoch && missed < 2 {
			w.t.Fatalf("%s was fenced after it missed %d answers", c.id, missed)
		}
		c.epoch, c.owned, c.assigned, c.told = 0, records.Partitions{}, nil, false
		return
	default:
		w.t.Fatalf("got %s", code)
	}
	if response.MemberEpoch < c.epoch {
		w.t.Fatalf("got epoch %d of a member in %d", response.MemberEpoch, c.epoch)
	}
	c.epoch, c.told = response.MemberEpoch, true
	if response.Assignment != nil {
		lists := map[records.TopicID][]int32{}
		for _, topic := range response.Assignment.Topics {
			lists[topic.TopicID] = topic.Partitions
		}
		c.assigned = records.PartitionsOf(lists)
		if c.owned.Minus(c.assigned).Len() == 0 {
			c.owned = c.assigned // nothing to give back first
		}
		c.next = w.now
	}
}

func (w *world) listed(p records.Partitions) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	list := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for topic, indexes := range p {
		one := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		one.TopicID, one.Partitions = topic, indexes
		list = append(list, one)
	}
	return list
}

// turnOfClassic is what a classic member sends next: a join, a sync or a heartbeat.
func (w *world) turnOfClassic(c *consumer) {
	switch {
	case c.epoch == 0 || !c.told:
		w.joinClassic(c)
	case !c.synced:
		w.syncClassic(c)
	default:
		r := kmsg.NewPtrHeartbeatRequest()
		r.MemberID, r.Generation = c.id, c.epoch
		code := w.group.ClassicHeartbeat(w.now, r, w.topics)
		if !w.commit() {
			return
		}
		switch code {
		case protocol.None:
		case protocol.RebalanceInProgress:
			c.told, c.next = false, w.now
		default:
			w.lost(c)
		}
	}
}

// lost is a client that was told that it is not in the group: it works on nothing any more.
func (w *world) lost(c *consumer) {
	c.epoch, c.owned, c.told, c.synced = 0, records.Partitions{}, false, false
}

func (w *world) joinClassic(c *consumer) {
	if c.eager {
		c.owned = records.Partitions{}
	}
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Version, subscription.Topics = 3, c.names
	for id, list := range c.owned {
		if topic, exists := w.topics.TopicByID(id); exists {
			one := kmsg.NewConsumerMemberMetadataOwnedPartition()
			one.Topic, one.Partitions = topic.Name, list
			subscription.OwnedPartitions = append(subscription.OwnedPartitions, one)
		}
	}
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.ProtocolType, r.MemberID = 9, classic.ConsumerType, c.id
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 10_000, 60_000
	one := kmsg.NewJoinGroupRequestProtocol()
	one.Name, one.Metadata = "range", subscription.AppendTo(nil)
	r.Protocols = append(r.Protocols, one)
	response := w.group.Join(w.now, classic.Client{}, r, w.topics)
	if !w.commit() {
		return
	}
	if response.ErrorCode != 0 {
		w.t.Fatalf("got %s", protocol.Code(response.ErrorCode))
	}
	c.epoch, c.told, c.synced, c.next = response.Generation, true, false, w.now
}

func (w *world) syncClassic(c *consumer) {
	r := kmsg.NewPtrSyncGroupRequest()
	r.MemberID, r.Generation = c.id, c.epoch
	response := w.group.Sync(w.now, r, w.topics)
	if !w.commit() {
		return
	}
	switch protocol.Code(response.ErrorCode) {
	case protocol.None:
		assigned, err := decodeAssignment(response.MemberAssignment, w.topics)
		if err != nil {
			w.t.Fatal(err)
		}
		if c.owned.Minus(assigned).Len() > 0 {
			c.told, c.next = false, w.now // it has given back, and joins again to say so
		}
		c.owned, c.synced = assigned, true
	case protocol.RebalanceInProgress, protocol.IllegalGeneration:
		c.told, c.next = false, w.now
	default:
		w.lost(c)
	}
}

// check looks at what the clients work on.
func (w *world) check() {
	owner := map[string]string{}
	for _, c := range w.clients {
		for topic, list := range c.owned {
			for _, index := range list {
				at := fmt.Sprint(topic[15], "-", index)
				if other := owner[at]; other != "" {
					w.t.Fatalf("got %s with %s and %s", at, other, c.id)
				}
				owner[at] = c.id
			}
		}
	}
}

// settleDown lets the group come to rest and checks that all is divided, evenly and among those who are there.
func (w *world) settleDown() {
	w.calm = true
	for range 400 {
		w.step()
	}
	if got := w.group.State(); got != Stable {
		w.t.Fatalf("got %s at rest, want Stable", got)
	}
	if w.group.Size() != len(w.clients) {
		w.t.Fatalf("got %d members, want %d", w.group.Size(), len(w.clients))
	}
	for name, topic := range w.topics.byName {
		for index := range topic.Partitions {
			readers, owners := 0, 0
			for _, c := range w.clients {
				if slices.Contains(c.names, name) {
					readers++
				}
				if c.owned.Has(topic.ID, index) {
					owners++
				}
			}
			if owners != min(readers, 1) {
				w.t.Fatalf("got %d owners of %s-%d with %d readers, want each with one", owners, name, index, readers)
			}
		}
		w.checkBalance(name, topic.ID)
	}
	before := maps.Clone(w.group.target)
	for range 50 {
		w.step()
	}
	if !maps.EqualFunc(before, w.group.target, records.Partitions.Equal) {
		w.t.Fatal("got another target without a cause")
	}
}

func (w *world) checkBalance(name string, id records.TopicID) {
	for _, a := range w.clients {
		for _, b := range w.clients {
			if len(a.owned[id]) > 0 && slices.Contains(b.names, name) && a.owned.Len() > b.owned.Len()+1 {
				w.t.Fatalf("got %d partitions with %s and %d with %s", a.owned.Len(), a.id, b.owned.Len(), b.id)
			}
		}
	}
}

var onlySeed = flag.Uint64("seed", 0, "the only seed of TestRandomLives")

// TestRandomLives lets members join, leave and crash, topics change, answers and writes be lost and the
// coordinator be built anew. No partition is ever worked on by two members, nobody is fenced for one answer that
// was lost, epochs never go back, and at rest everything is divided.
func TestRandomLives(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 60
	}
	first := rand.Uint64()
	if *onlySeed != 0 {
		first, seeds = *onlySeed, 1
	}
	for n := range seeds {
		seed := first + uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &world{
				t: t, random: rand.New(rand.NewPCG(seed, 0)), topics: newCluster(), log: disk{},
				now: time.Unix(1000, 0),
				settings: Settings{
					Session: 10 * time.Second, Heartbeat: time.Second, MaxSize: 100, ClassicMaxSize: 100,
					Assignors: []string{"uniform", "range"}, Migration: Migration{Upgrade: true},
				},
			}
			w.group = New("g", &w.settings)
			w.topics.set("a", 4)
			w.topics.set("b", 3)
			w.join()
			for range 400 {
				w.step()
			}
			w.settleDown()
		})
	}
}
