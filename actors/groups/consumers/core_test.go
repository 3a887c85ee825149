package consumers

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

var settings = &Settings{
	Classic: classic.Settings{
		MinSession: time.Second, MaxSession: time.Hour, MaxSize: 10, NewID: func() string { return "1" },
	},
	Retention: 24 * time.Hour, MaxMetadataBytes: 4,
}

var orders = offsets.Place{Topic: "orders", Partition: 2}

func newTestCore(t *testing.T, now time.Time) *core {
	t.Helper()
	c, err := newCore("g", settings, State{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func commitOf(offset int64, metadata string) Commit {
	return Commit{Generation: -1, Items: []CommitItem{{
		Place: orders, Offset: records.Offset{Offset: offset, LeaderEpoch: -1, Metadata: metadata}, Retention: -1,
	}}}
}

// offsetOf asks the core what it has committed.
func offsetOf(c *core) int64 {
	c.ask(time.Time{}, classic.Client{}, Fetch{Places: []offsets.Place{orders}}, 99)
	answers, _ := c.take()
	return answers[0].result.([]Fetched)[0].Offset.Offset
}

// codeOfOne returns the outcome of the only partition of the only answer.
func codeOfOne(t *testing.T, c *core) protocol.Code {
	t.Helper()
	answers, _ := c.take()
	if len(answers) != 1 {
		t.Fatalf("got %d answers, want one", len(answers))
	}
	if answers[0].code != protocol.None {
		return answers[0].code
	}
	return answers[0].result.([]protocol.Code)[0]
}

func TestOffsetCountsWhenItIsCommittedAndNoSooner(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newTestCore(t, now)
	c.ask(now, classic.Client{}, commitOf(7, "m"), 1)
	answers, writes := c.take()
	if len(answers) != 0 || len(writes) != 1 || offsetOf(c) != -1 || c.vacant() {
		t.Fatalf("got %d answers, %d writes, want the commit to wait for its write", len(answers), len(writes))
	}
	c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	if code := codeOfOne(t, c); code != protocol.None || offsetOf(c) != 7 {
		t.Errorf("got %s and offset %d, want 7", code, offsetOf(c))
	}
}

func TestCommitThatIsNotWrittenChangesNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	for code, want := range map[protocol.Code]protocol.Code{
		protocol.NotCoordinator:          protocol.NotCoordinator,
		protocol.CoordinatorNotAvailable: protocol.CoordinatorNotAvailable,
		protocol.MessageTooLarge:         protocol.InvalidCommitOffsetSize,
	} {
		c := newTestCore(t, now)
		c.ask(now, classic.Client{}, commitOf(7, ""), 1)
		_, writes := c.take()
		c.written(now, Written{Token: writes[0].token, Code: code})
		if got := codeOfOne(t, c); got != want || offsetOf(c) != -1 || !c.vacant() {
			t.Errorf("got %s after %s, offset %d, want %s and none", got, code, offsetOf(c), want)
		}
	}
}

func TestTextBesideAnOffsetIsBounded(t *testing.T) {
	c := newTestCore(t, time.Unix(1000, 0))
	c.ask(time.Unix(1000, 0), classic.Client{}, commitOf(7, "longer"), 1)
	if code := codeOfOne(t, c); code != protocol.OffsetMetadataTooLarge {
		t.Errorf("got %s, want OFFSET_METADATA_TOO_LARGE", code)
	}
}

// A commit that is under way when the group is deleted stands before the tombstones in the log, so that these
// have to cover it.
func TestDeletionCoversACommitUnderWay(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newTestCore(t, now)
	c.ask(now, classic.Client{}, commitOf(7, ""), 1)
	c.ask(now, classic.Client{}, Delete{}, 2)
	c.ask(now, classic.Client{}, commitOf(8, ""), 3)
	answers, writes := c.take()
	if len(answers) != 1 || answers[0].ticket != 3 || answers[0].code != protocol.IllegalGeneration {
		t.Fatalf("got %+v, want the commit after the deletion refused", answers)
	}
	if len(writes) != 2 || len(writes[1].records) != 2 || writes[1].records[0].Value != nil {
		t.Fatalf("got %+v, want tombstones for the offset and for the group", writes)
	}
	c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	c.written(now, Written{Token: writes[1].token, Code: protocol.None})
	if !c.vacant() || c.classic.State() != classic.Dead || c.offsets.Len() != 0 {
		t.Errorf("got state %s with %d offsets, want a dead group", c.classic.State(), c.offsets.Len())
	}
}

func TestGroupThatCannotBeDeletedGoesOn(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newTestCore(t, now)
	c.ask(now, classic.Client{}, commitOf(7, ""), 1)
	_, writes := c.take()
	c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	c.ask(now, classic.Client{}, Delete{}, 2)
	_, writes = c.take()
	c.written(now, Written{Token: writes[0].token, Code: protocol.CoordinatorNotAvailable})
	answers, _ := c.take()
	if last := answers[len(answers)-1]; last.code != protocol.CoordinatorNotAvailable || offsetOf(c) != 7 {
		t.Errorf("got %+v and offset %d, want the group as it was", last, offsetOf(c))
	}
}

func TestOffsetsExpireWithTheirGroup(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	c := newTestCore(t, now)
	c.ask(now, classic.Client{}, commitOf(7, ""), 1)
	_, writes := c.take()
	c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	c.take()
	c.expire(now.Add(24*time.Hour - time.Second))
	if _, writes := c.take(); len(writes) != 0 {
		t.Fatalf("got %d writes before the time", len(writes))
	}
	later := now.Add(24 * time.Hour)
	c.expire(later)
	_, writes = c.take()
	if len(writes) != 1 || len(writes[0].records) != 2 {
		t.Fatalf("got %+v, want tombstones for the offset and for the group", writes)
	}
	c.written(later, Written{Token: writes[0].token, Code: protocol.None})
	if !c.vacant() {
		t.Error("got a group that stays, want it gone with its last offset")
	}
}

// While consumers are at work their offsets stay, but for topics that none of them reads.
func TestOffsetsOfMembersDoNotExpire(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	c := newTestCore(t, now)
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Topics = []string{"orders"}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.ProtocolType = 3, classic.ConsumerType
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 3_600_000, 60_000
	one := kmsg.NewJoinGroupRequestProtocol()
	one.Name, one.Metadata = "range", subscription.AppendTo(nil)
	join.Protocols = append(join.Protocols, one)
	c.ask(now, classic.Client{ID: "c"}, join, 1)
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.MemberID, sync.Generation = "c-1", 1
	c.ask(now, classic.Client{ID: "c"}, sync, 2)
	_, writes := c.take()
	c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	for _, topic := range []string{"orders", "left"} {
		commit := commitOf(7, "")
		commit.Generation, commit.MemberID, commit.Items[0].Topic = 1, "c-1", topic
		c.ask(now, classic.Client{}, commit, 3)
		_, writes := c.take()
		c.written(now, Written{Token: writes[0].token, Code: protocol.None})
	}
	c.take()
	c.expire(now.Add(48 * time.Hour))
	_, writes = c.take()
	if len(writes) != 1 || len(writes[0].records) != 1 {
		t.Fatalf("got %+v, want one tombstone", writes)
	}
	if key := records.Key(writes[0].records[0].Key); key != (records.OffsetKey{Group: "g", Topic: "left", Partition: 2}) {
		t.Errorf("got a tombstone for %+v, want that of the topic that nobody reads", key)
	}
	c.forget([]string{"orders"})
	if _, writes := c.take(); len(writes) != 1 {
		t.Error("got no tombstone for a topic that was deleted")
	}
	c.ask(now, classic.Client{}, Delete{}, 4)
	if answers, _ := c.take(); answers[0].code != protocol.NonEmptyGroup {
		t.Errorf("got %s for the deletion of a group with members", answers[0].code)
	}
	c.ask(now, classic.Client{}, DeleteOffsets{Places: []offsets.Place{orders}}, 5)
	if code := codeOfOne(t, c); code != protocol.GroupSubscribedToTopic {
		t.Errorf("got %s for an offset in use, want GROUP_SUBSCRIBED_TO_TOPIC", code)
	}
}
