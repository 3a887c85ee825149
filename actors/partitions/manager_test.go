package partitions

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

func TestNothingFollowsFromAnImageThatMayMissSomething(t *testing.T) {
	w := newWorld(t)
	w.apply(topicOf("a", topic(1), 1, 2, 3))
	w.begin(false)
	if len(w.raft.specs) != 0 {
		t.Fatalf("groups %v run before the image has caught up", w.raft.specs)
	}
	old := w.image
	w.change(reassign(topic(1), 2, 3, 4), w.complete0(topic(1), 2, 3, 4))
	if len(w.raft.specs) != 0 || w.table.Lookup("a", 0) != nil {
		t.Fatal("a replica runs that has gone to other nodes")
	}
	w.manager.Tell(metadata.ImageChanged{Image: old, First: true, CaughtUp: true})
	if len(w.raft.specs) != 0 {
		t.Fatal("an image of the past was followed")
	}
}

func TestFoundersKnowEachOtherAndNewcomersNobody(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2, 3), topicOf("b", topic(2), 2, 3, 4))
	p := w.partition(topic(1))
	spec := w.raft.specs[p.Group]
	if spec.Replica != uint64(p.Replicas[0]) || !slices.Equal(spec.Voters, numbers(p.Replicas)) ||
		spec.Preferred != uint64(p.Replicas[0]) {
		t.Fatalf("got %+v, want a founder", spec)
	}
	if len(w.raft.specs) != 1 {
		t.Fatalf("%d groups run, want that of topic a", len(w.raft.specs))
	}
	if _, told := last[group.Want](w, "a-0"); told {
		t.Error("a group was told the members that it began with")
	}
	w.change(reassign(topic(2), 2, 3, 1))
	p = w.partition(topic(2))
	spec = w.raft.specs[p.Group]
	if mine, _ := p.ReplicaOn(self); spec.Replica != uint64(mine) || spec.Voters != nil || mine.Founder() {
		t.Fatalf("got %+v, want a replica that joins", spec)
	}
	want, _ := last[group.Want](w, "b-0")
	if !slices.Equal(want.Voters, numbers(p.Target())) || want.Preferred != uint64(p.Preferred()) {
		t.Fatalf("the group is told %+v, want %v", want, p.Target())
	}
}

func TestReplicaGoesWhenTheImageHasDroppedIt(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2))
	p := w.partition(topic(1))
	w.change(reassign(topic(1), 2, 3))
	want, _ := last[group.Want](w, "a-0")
	if !slices.Equal(want.Voters, numbers(w.partition(topic(1)).Target())) {
		t.Fatalf("got %+v", want)
	}
	if len(w.raft.removed) != 0 || w.table.Lookup("a", 0) == nil {
		t.Fatal("the replica has gone before the reassignment is complete")
	}
	w.change(w.complete(topic(1)))
	if !slices.Equal(w.raft.removed, []wal.GroupID{p.Group}) || w.table.Lookup("a", 0) != nil {
		t.Fatalf("removed %v, in the table %v", w.raft.removed, w.table.Lookup("a", 0))
	}
	w.change(reassign(topic(1), 1, 2, 3)) // it comes back as another replica
	if spec := w.raft.specs[p.Group]; spec.Voters != nil || spec.Replica == uint64(p.Replicas[0]) {
		t.Fatalf("got %+v, want another replica, which joins", spec)
	}
}

func TestNodeHostsNothingOfAnotherDirectory(t *testing.T) {
	w := newWorld(t)
	w.apply(register(self, 99))
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2, 3))
	if len(w.raft.specs) != 0 {
		t.Fatalf("groups %v run under an id that is not this node's", w.raft.specs)
	}
	w.change(register(self, 1))
	p := w.partition(topic(1))
	mine, _ := p.ReplicaOn(self)
	if spec := w.raft.specs[p.Group]; spec.Replica != uint64(mine) || spec.Voters != nil || mine.Incarnation() != 3 {
		t.Fatalf("got %+v for %x, want a replica that joins", spec, uint64(mine))
	}
}

func TestLeadersAreAnnouncedInBatches(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2), topicOf("b", topic(2), 1, 3))
	for n := byte(1); n <= 2; n++ {
		mine, _ := w.partition(topic(n)).ReplicaOn(self)
		w.lead(topic(n), mine, 5, false)
		w.lead(topic(n), mine, 5, true)
	}
	w.members(topic(1), 5, w.partition(topic(1)).Replicas...)
	if got := w.announced(2); len(got) != 0 {
		t.Fatalf("got %d announcements at once", len(got))
	}
	w.clock.Advance(announceAfter)
	for node := int32(2); node <= 4; node++ {
		got := w.announced(node)
		if len(got) != 1 || len(got[0].changes) != 2 || got[0].first || got[0].last {
			t.Fatalf("node %d got %+v", node, got)
		}
		for _, change := range got[0].changes {
			want := leadershipChange{group: change.group, epoch: 5, leads: true, inSync: []int32{1}}
			if change.group == w.partition(topic(1)).Group {
				want.inSync = []int32{1, 2}
			}
			if !reflect.DeepEqual(change, want) {
				t.Errorf("got %+v, want %+v", change, want)
			}
		}
	}
	w.lead(topic(1), 0, 5, false)
	w.clock.Advance(announceAfter)
	if got := w.announced(3); len(got) != 1 || len(got[0].changes) != 1 || got[0].changes[0].leads {
		t.Fatalf("got %+v, want that the node has stepped down", got)
	}
	w.manager.Tell(link.Up{Node: 3})
	got := w.announced(3)
	if len(got) != 2 || !got[0].first || !got[0].last || len(got[0].changes) != 1 || !got[1].ask {
		t.Fatalf("a node that is up again got %+v, want what is led here and to be asked", got)
	}
}

// An announcement that was lost is not missed for ever: who does not know a leader asks, and is answered.
func TestLeadersThatWereNotHeardOfAreAskedFor(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 2), topicOf("b", topic(2), 1))
	mine, _ := w.partition(topic(2)).ReplicaOn(self)
	w.lead(topic(2), mine, 5, true)
	w.clock.Advance(announceAfter)
	w.announced(2)
	asked := 0
	for range 40 {
		w.clock.Advance(doubtLeast)
		for _, a := range w.announced(2) {
			if !a.ask {
				t.Fatalf("got %+v, want a question", a)
			}
			asked++
		}
	}
	if asked < 4 || asked > 6 { // after 250 ms, 750 ms, 1.75 s, 3.75 s, 7.75 s
		t.Errorf("asked %d times in 10 s, want fewer and fewer", asked)
	}
	id := w.partition(topic(1)).Group
	leads := []leadershipChange{{group: id, epoch: 4, leads: true, inSync: []int32{2}}}
	w.hear(2, announcement{first: true, last: true, changes: leads})
	w.clock.Advance(doubtMost)
	w.announced(2)
	w.clock.Advance(10 * doubtMost)
	if got := w.announced(2); len(got) != 0 {
		t.Errorf("got %+v though every partition has a leader", got)
	}
	w.hear(2, announcement{ask: true})
	got := w.announced(2)
	if len(got) != 1 || !got[0].first || !got[0].last || len(got[0].changes) != 1 {
		t.Errorf("a question was answered by %+v, want an exchange", got)
	}
}

func TestExchangeTakesBackWhatItDoesNotMention(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 2), topicOf("b", topic(2), 2), topicOf("c", topic(3), 3))
	a, b, c := w.partition(topic(1)).Group, w.partition(topic(2)).Group, w.partition(topic(3)).Group
	leads := func(id wal.GroupID) leadershipChange {
		return leadershipChange{group: id, epoch: 4, leads: true, inSync: []int32{2}}
	}
	w.hear(2, announcement{changes: []leadershipChange{leads(a), leads(b)}})
	w.hear(3, announcement{changes: []leadershipChange{leads(c)}})
	w.hear(2, announcement{first: true, changes: []leadershipChange{leads(b)}})
	if w.leaders.Of(a).Node != 2 {
		t.Fatal("taken back before the exchange was over")
	}
	w.hear(2, announcement{last: true})
	for id, want := range map[wal.GroupID]int32{a: partition.NoLeader, b: 2, c: 3} {
		if got := w.leaders.Of(id); got.Node != want || got.Epoch != 4 {
			t.Errorf("group %d: got %+v, want node %d", id, got, want)
		}
	}
	w.manager.Tell(link.Noticed{From: 2, Body: []byte{9}}) // of a newer version: warned of, and nothing else
	if w.leaders.Of(b).Node != 2 {
		t.Error("an announcement that is not understood changed something")
	}
}

func TestLeadersOnOtherNodesAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 2))
	id := w.partition(topic(1)).Group
	wait := func(token uint64) {
		w.manager.Tell(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: w.asker.Address, Token: token})
	}
	wait(1)
	w.asker.ExpectNone(t)
	w.down[2] = true
	w.hear(2, announcement{changes: []leadershipChange{{group: id, epoch: 4, leads: true, inSync: []int32{2}}}})
	w.asker.ExpectNone(t)
	delete(w.down, 2)
	w.manager.Tell(link.Up{Node: 2})
	if got := kittest.Expect[LeadersReady](t, w.asker, time.Second); got.Token != 1 {
		t.Fatalf("got %+v", got)
	}
	w.down[2] = true
	w.manager.Tell(link.Down{Node: 2, Err: errors.New("gone")})
	wait(2)
	w.asker.ExpectNone(t)
}

// Who waits for leaders may know an older image than the manager, or a newer one: a topic that is gone has no
// leader to wait for, and one that is to come has.
func TestTopicsThatAreGoneAreNotWaitedForAndThoseToComeAre(t *testing.T) {
	w := newWorld(t)
	wait := func(token uint64, id image.TopicID, last wal.GroupID) {
		ask := AwaitLeaders{Topics: []image.TopicID{id}, Last: last, ReplyTo: w.asker.Address, Token: token}
		w.manager.Tell(ask)
	}
	answered := func(token uint64, why string) {
		t.Helper()
		if got := kittest.Expect[LeadersReady](t, w.asker, time.Second); got.Token != token {
			t.Errorf("got %+v, want the answer to %d: %s", got, token, why)
		}
	}
	first := w.image.NextGroup()
	wait(1, topic(1), first)
	w.apply(topicOf("a", topic(1), 2))
	w.apply(remove(topic(1)))
	w.asker.ExpectNone(t)
	w.begin(true)
	answered(1, "the first image is of after its end")
	wait(2, topic(1), first)
	answered(2, "it was gone before")
	next := w.image.NextGroup()
	wait(3, topic(2), next)
	wait(4, topic(3), next+1)
	w.change(topicOf("b", topic(2), 2), topicOf("c", topic(3), 2), remove(topic(3)))
	answered(4, "it came and went with one image")
	w.asker.ExpectNone(t)
	w.hear(2, announcement{changes: []leadershipChange{{group: next, epoch: 4, leads: true, inSync: []int32{2}}}})
	answered(3, "it has a leader now")
}

// Announcements may come before the image that has their topics, and after the topics are gone.
func TestAnnouncementsNeedNoImage(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	id := w.image.NextGroup()
	w.hear(2, announcement{changes: []leadershipChange{{group: id, epoch: 4, leads: true, inSync: []int32{2}}}})
	w.clock.Advance(DefaultBalanceInterval)
	w.change(topicOf("a", topic(1), 2))
	w.manager.Tell(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: w.asker.Address, Token: 1})
	kittest.Expect[LeadersReady](t, w.asker, time.Second)
	w.remove(topic(1))
	if w.leaders.Of(id).Node != partition.NoLeader {
		t.Error("the leader of a partition that is gone is known")
	}
	w.hear(2, announcement{changes: []leadershipChange{{group: id, epoch: 5, leads: true, inSync: []int32{2}}}})
	w.clock.Advance(DefaultBalanceInterval)
	if w.leaders.Of(id).Node != partition.NoLeader {
		t.Error("late news of a partition that is gone are kept")
	}
}

func TestEndOfAReassignmentIsToldUntilItIsNoted(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2), reassign(topic(1), 1, 3))
	p := w.partition(topic(1))
	mine, _ := p.ReplicaOn(self)
	w.lead(topic(1), mine, 5, true)
	w.members(topic(1), 5, p.Replicas...)
	w.metadata.ExpectNone(t)
	w.members(topic(1), 5, p.Target()...)
	submit := kittest.Expect[metadata.Submit](t, w.metadata, time.Second)
	want := controller.CompleteReassignment{ID: topic(1), Partition: 0, Target: p.Target()}
	if !reflect.DeepEqual(submit.Request, want) {
		t.Fatalf("got %+v, want %+v", submit.Request, want)
	}
	submit.ReplyTo.Tell(metadata.Submitted{Token: submit.Token, Err: protocol.Errorf(protocol.RequestTimedOut, "")})
	w.metadata.ExpectNone(t)
	w.clock.Advance(completeAfter)
	submit = kittest.Expect[metadata.Submit](t, w.metadata, time.Second)
	w.change(w.complete(topic(1)))
	submit.ReplyTo.Tell(metadata.Submitted{Token: submit.Token})
	w.members(topic(1), 5, p.Target()...)
	w.clock.Advance(time.Minute)
	w.metadata.ExpectNone(t)
}

func TestReassignmentIsCompleteOnlyWithExactlyItsMembers(t *testing.T) {
	id := func(broker int32) image.ReplicaID { return image.NewReplicaID(broker, 1) }
	p := image.Partition{Replicas: []image.ReplicaID{id(1), id(3), id(2)}, Removing: []image.ReplicaID{id(2)}}
	leads := partition.Leadership{Node: 1, Epoch: 5, Ready: true}
	for name, test := range map[string]struct {
		p    image.Partition
		l    partition.Leadership
		m    group.MembersChanged
		want bool
	}{
		"as wanted":         {p, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Target())}, true},
		"one has not left":  {p, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Replicas)}, false},
		"one has not come":  {p, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Target()[:1])}, false},
		"between two":       {p, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Target()), Changing: true}, false},
		"of another term":   {p, leads, group.MembersChanged{Term: 4, Voters: numbers(p.Target())}, false},
		"one still learns":  {p, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Target()), Learners: []uint64{9}}, false},
		"does not lead":     {p, partition.Leadership{Node: 2, Epoch: 5}, group.MembersChanged{Term: 5, Voters: numbers(p.Target())}, false},
		"nothing to change": {image.Partition{Replicas: p.Target()}, leads, group.MembersChanged{Term: 5, Voters: numbers(p.Target())}, false},
	} {
		if got := reassigned(test.p, &test.l, &test.m); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestLeadershipGoesBackToThePreferredReplica(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 2, 1), topicOf("b", topic(2), 1, 2))
	for n := byte(1); n <= 2; n++ {
		mine, _ := w.partition(topic(n)).ReplicaOn(self)
		w.lead(topic(n), mine, 5, true)
	}
	w.clock.Advance(DefaultBalanceInterval)
	if got, told := last[group.Transfer](w, "a-0"); told {
		t.Fatalf("got %+v to a replica that is not known to be in sync", got)
	}
	p := w.partition(topic(1))
	w.members(topic(1), 5, p.Replicas...)
	w.down[2] = true
	w.clock.Advance(DefaultBalanceInterval)
	if got, told := last[group.Transfer](w, "a-0"); told {
		t.Fatalf("got %+v to a node that is down", got)
	}
	delete(w.down, 2)
	w.clock.Advance(DefaultBalanceInterval)
	if got, told := last[group.Transfer](w, "a-0"); !told || got.To != uint64(p.Preferred()) {
		t.Fatalf("got %+v, want a handover to %v", got, p.Preferred())
	}
	if got, told := last[group.Transfer](w, "b-0"); told {
		t.Fatalf("got %+v from the preferred replica", got)
	}
}

func TestHandoversGoToWhoeverLeads(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2))
	p := w.partition(topic(1))
	mine, _ := p.ReplicaOn(self)
	ask := func(token uint64) {
		w.manager.Tell(Handover{
			Group: p.Group, To: 77, Timeout: time.Second, ReplyTo: w.asker.Address, Token: token,
		})
	}
	answer := func(token uint64, want error) {
		t.Helper()
		got := kittest.Expect[group.Transferred](t, w.asker, time.Second)
		if got.Token != token || !errors.Is(got.Err, want) || (got.Err == nil) != (want == nil) {
			t.Fatalf("got %+v, want token %d and %v", got, token, want)
		}
	}
	ask(1)
	answer(1, group.ErrNotLeader{})
	w.lead(topic(1), mine, 5, true)
	ask(2)
	transfer, _ := last[group.Transfer](w, "a-0")
	transfer.ReplyTo.Tell(group.Transferred{Token: transfer.Token, Err: group.ErrNoTransfer})
	answer(2, group.ErrNoTransfer)
	transfer.ReplyTo.Tell(group.Transferred{Token: transfer.Token}) // a second answer finds nobody
	w.asker.ExpectNone(t)

	w.hear(2, announcement{changes: []leadershipChange{{group: p.Group, epoch: 6, leads: true, inSync: []int32{2}}}})
	ask(3)
	call := kittest.Expect[link.Call](t, w.links[2], time.Second)
	if got, err := decodeHandover(call.Body); err != nil || got != (handover{p.Group, 77}) || call.Timeout != time.Second {
		t.Fatalf("got %+v, %v", got, err)
	}
	call.ReplyTo.Tell(link.Returned{Token: call.Token, Err: link.ErrTimeout})
	answer(3, link.ErrTimeout)
	w.down[2] = true
	ask(4)
	answer(4, group.ErrNotLeader{})
}

func TestHandoversOfOtherNodesAreServed(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2))
	p := w.partition(topic(1))
	ask := func(token uint64, body []byte) {
		w.manager.Tell(link.Incoming{From: 2, Service: link.ServiceLeaders, Body: body, ReplyTo: w.asker.Address, Token: token})
	}
	ask(1, []byte{2})
	if got := kittest.Expect[link.Answer](t, w.asker, time.Second); got.Token != 1 || got.Err == nil {
		t.Fatalf("got %+v to what cannot be read", got)
	}
	ask(2, handover{p.Group + 50, 77}.encode())
	if got := kittest.Expect[link.Answer](t, w.asker, time.Second); got.Token != 2 || got.Err == nil {
		t.Fatalf("got %+v about a group that is not here", got)
	}
	ask(3, handover{p.Group, 77}.encode())
	transfer, _ := last[group.Transfer](w, "a-0")
	if transfer.To != 77 {
		t.Fatalf("got %+v", transfer)
	}
	transfer.ReplyTo.Tell(group.Transferred{Token: transfer.Token})
	if got := kittest.Expect[link.Answer](t, w.asker, time.Second); got.Token != 3 || got.Err != nil {
		t.Fatalf("got %+v", got)
	}
}

// Whoever waits for leaders or for a handover hears of it when the manager goes, and does not have to wait
// for his own deadline.
func TestWhoWaitsIsAnsweredWhenTheManagerGoes(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2))
	peer := kittest.NewProbe(w.system, "peer")
	mine, _ := w.partition(topic(1)).ReplicaOn(self)
	id := w.partition(topic(1)).Group
	w.lead(topic(1), mine, 5, false)
	w.manager.Tell(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: w.asker.Address, Token: 7})
	w.manager.Tell(Handover{Group: id, To: 2, ReplyTo: w.asker.Address, Token: 8})
	w.manager.Tell(link.Incoming{From: 2, Body: handover{id, 2}.encode(), ReplyTo: peer.Address, Token: 9})
	w.asker.ExpectNone(t)
	w.system.Stop(w.manager)
	if got := kittest.Expect[LeadersReady](t, w.asker, time.Second); got.Token != 7 {
		t.Errorf("got %+v", got)
	}
	if got := kittest.Expect[group.Transferred](t, w.asker, time.Second); got.Token != 8 ||
		!errors.Is(got.Err, kit.ErrStopped) {
		t.Errorf("got %+v, want that the manager has stopped", got)
	}
	if got := kittest.Expect[link.Answer](t, peer, time.Second); got.Token != 9 || got.Err == nil {
		t.Errorf("got %+v, want that the manager has stopped", got)
	}
	w.asker.ExpectNone(t)
}

// The message at which an actor fails is refused already: it is not answered once more.
func TestWhoseMessageFailedIsNotAnsweredTwice(t *testing.T) {
	system, _ := kittest.NewInline(t)
	probe := kittest.NewProbe(system, "asker")
	first := AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: probe.Address, Token: 1}
	second := AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: probe.Address, Token: 2}
	var a awaiting
	a.topicAdded(topic(1), 1)
	a.add(first)
	a.add(second)
	a.stop(second)
	if got := kittest.Expect[LeadersReady](t, probe, time.Second); got.Token != 1 {
		t.Errorf("got %+v", got)
	}
	probe.ExpectNone(t)
	var q questions
	for token := range uint64(2) {
		q.add(question{group: 5, replyTo: probe.Address, token: token})
	}
	q.stop(Handover{Group: 5, ReplyTo: probe.Address, Token: 1})
	if got := kittest.Expect[group.Transferred](t, probe, time.Second); got.Token != 0 {
		t.Errorf("got %+v", got)
	}
	probe.ExpectNone(t)
}

// The groups go on while their manager is rebuilt. What they tell reaches the actors that the new one has built.
func TestNewsOfGroupsReachTheRebuiltManager(t *testing.T) {
	w := newWorld(t)
	w.begin(true)
	w.change(topicOf("a", topic(1), 1, 2))
	mine, _ := w.partition(topic(1)).ReplicaOn(self)
	w.lead(topic(1), mine, 5, true)
	w.system.Stop(w.manager)
	kittest.Expect[kit.Terminated](t, w.broker, time.Second)
	w.manager = w.broker.Spawn(t, "partitions", Spec(w.options))
	w.begin(true)
	if _, asked := last[group.TellMembers](w, "a-0"); !asked {
		t.Error("the group was not asked for its members: they may have changed meanwhile")
	}
	w.lead(topic(1), 0, 6, false)
	replica := w.table.Lookup("a", 0)
	if l := replica.Leadership(); l.Node != partition.NoLeader || l.Epoch != 6 {
		t.Fatalf("got %+v, want that nobody leads in epoch 6", l)
	}
	w.lead(topic(1), mine, 7, true)
	if l := w.leaders.Of(replica.Group); l.Node != self || l.Epoch != 7 || !l.Ready {
		t.Errorf("got %+v, want this node in epoch 7", l)
	}
	replica.Waiters.Tell(partition.Wait{Offset: 1 << 40, ReplyTo: w.asker.Address})
	w.asker.ExpectNone(t) // somebody keeps it
}
