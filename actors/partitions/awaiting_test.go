package partitions

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

func topic(n byte) image.TopicID { return image.TopicID{15: 200 + n} }

// asker returns a probe and a function that tells which tokens were answered so far.
func asker(t *testing.T) (*kittest.Probe, func(token uint64)) {
	system := kit.NewSystem(kit.SystemConfig{})
	t.Cleanup(system.Shutdown)
	probe := kittest.NewProbe(system, "asker")
	return probe, func(token uint64) {
		t.Helper()
		if got := kittest.Expect[LeadersReady](t, probe, 30*time.Second); got.Token != token {
			t.Fatalf("got an answer to %d, want one to %d", got.Token, token)
		}
	}
}

func TestLeadersAreReadyWhenTheLastPartitionOfTheLastTopicIs(t *testing.T) {
	probe, answered := asker(t)
	var a awaiting
	a.topicAdded(topic(1), 2)
	a.add(AwaitLeaders{Topics: []image.TopicID{topic(1), topic(2)}, ReplyTo: probe.Address, Token: 7})
	a.led(topic(1), false, true)
	a.led(topic(1), false, true)
	a.topicAdded(topic(2), 1)
	a.led(topic(1), true, false) // a leader that was lost again does not take the answer back
	if len(a.list) != 1 {
		t.Fatal("answered before topic 2 has a leader")
	}
	a.led(topic(2), false, true)
	answered(7)
}

func TestWhatIsReadyIsAnsweredAtOnce(t *testing.T) {
	probe, answered := asker(t)
	var a awaiting
	a.topicAdded(topic(1), 1)
	a.led(topic(1), false, true)
	a.add(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: probe.Address, Token: 8})
	answered(8)
}

func TestDeletedTopicIsNotWaitedFor(t *testing.T) {
	probe, answered := asker(t)
	var a awaiting
	a.topicAdded(topic(1), 1)
	a.add(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: probe.Address, Token: 9})
	a.topicRemoved(topic(1))
	answered(9)
}

func TestMorePartitionsAreWaitedForToo(t *testing.T) {
	probe, answered := asker(t)
	var a awaiting
	a.topicAdded(topic(1), 1)
	a.led(topic(1), false, true)
	a.topicAdded(topic(1), 2)
	a.add(AwaitLeaders{Topics: []image.TopicID{topic(1)}, ReplyTo: probe.Address, Token: 10})
	a.led(topic(1), false, true)
	if len(a.list) != 1 {
		t.Fatal("answered with a partition missing")
	}
	a.led(topic(1), false, true)
	answered(10)
}
