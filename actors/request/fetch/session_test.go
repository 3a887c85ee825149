package fetch

import (
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// fetchOf builds a request; names are of the form "t0", with partition 0.
func fetchOf(version int16, id, epoch int32, topics ...string) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.SessionID, r.SessionEpoch = version, id, epoch
	for _, name := range topics {
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = name
		copy(topic.TopicID[:], name)
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes = 10, 1000
		topic.Partitions = append(topic.Partitions, p)
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func newSessions() *sessions { return &sessions{shared: NewSessions(0, 7)} }

func namesOf(s *scope) (names []string) {
	s.each(func(e *entry) { names = append(names, e.topic) })
	return names
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func mustBegin(t *testing.T, s *sessions, r *kmsg.FetchRequest) scope {
	t.Helper()
	got, code := s.begin(r)
	if code != protocol.None {
		t.Fatalf("got %v", code)
	}
	return got
}

// KIP-227: epoch 0 makes a session; later fetches carry its id and the next epoch and name only changes.
func TestSessionRemembersItsPartitions(t *testing.T) {
	s := newSessions()
	full := mustBegin(t, s, fetchOf(12, 0, 0, "a", "b", "c"))
	if full.session == nil || full.session.id <= 0 || !full.full {
		t.Fatalf("no session was made: %+v", full)
	}
	id := full.session.id
	if got := namesOf(new(mustBegin(t, s, fetchOf(12, id, 1)))); !equal(got, []string{"a", "b", "c"}) {
		t.Fatalf("got %v", got)
	}
	change := fetchOf(12, id, 2, "b", "d")
	change.Topics[0].Partitions[0].FetchOffset = 77
	forget := kmsg.NewFetchRequestForgottenTopic()
	forget.Topic, forget.Partitions = "a", []int32{0, 5}
	change.ForgottenTopics = append(change.ForgottenTopics, forget)
	changed := mustBegin(t, s, change)
	if got := namesOf(&changed); !equal(got, []string{"b", "c", "d"}) {
		t.Fatalf("got %v", got)
	}
	if got := changed.session.byKey[keyOf(12, "b", [16]byte{}, 0)].offset; got != 77 {
		t.Fatalf("offset %d, want the changed one", got)
	}
	if got := s.shared.Partitions(); got != 3 {
		t.Fatalf("%d partitions counted, want 3", got)
	}
}

func TestSessionErrorsAreKafkas(t *testing.T) {
	s := newSessions()
	id := mustBegin(t, s, fetchOf(12, 0, 0, "a")).session.id
	for _, one := range []struct {
		name      string
		version   int16
		id, epoch int32
		want      protocol.Code
	}{
		{"unknown id", 12, id + 1, 1, protocol.FetchSessionIDNotFound},
		{"no id", 12, 0, 1, protocol.FetchSessionIDNotFound},
		{"epoch of the past", 12, id, 7, protocol.InvalidFetchSessionEpoch},
		{"names, then ids", 13, id, 1, protocol.FetchSessionTopicIDError},
	} {
		if _, code := s.begin(fetchOf(one.version, one.id, one.epoch)); code != one.want {
			t.Errorf("%s: got %v, want %v", one.name, code, one.want)
		}
	}
	mustBegin(t, s, fetchOf(12, id, 1)) // an error leaves the session as it was
}

func TestSessionCloses(t *testing.T) {
	s := newSessions()
	id := mustBegin(t, s, fetchOf(12, 0, 0, "a")).session.id
	last := mustBegin(t, s, fetchOf(12, id, -1, "a"))
	if last.session != nil || last.count() != 1 {
		t.Fatalf("epoch -1 made %+v, want a fetch without session", last)
	}
	if _, code := s.begin(fetchOf(12, id, 1)); code != protocol.FetchSessionIDNotFound {
		t.Fatalf("got %v for a closed session", code)
	}
	again := mustBegin(t, s, fetchOf(12, 0, 0, "a", "b"))
	replaced := mustBegin(t, s, fetchOf(12, again.session.id, 0, "c"))
	if replaced.session.id == again.session.id || s.shared.Open() != 1 || s.shared.Partitions() != 1 {
		t.Fatalf("%d sessions with %d partitions after one was replaced", s.shared.Open(), s.shared.Partitions())
	}
	s.closeAll()
	if s.shared.Open() != 0 || s.shared.Partitions() != 0 {
		t.Fatalf("%d sessions with %d partitions are left", s.shared.Open(), s.shared.Partitions())
	}
}

// A session whose last partition is forgotten is closed, as in Kafka's FetchManager.
func TestEmptySessionCloses(t *testing.T) {
	s := newSessions()
	id := mustBegin(t, s, fetchOf(12, 0, 0, "a")).session.id
	r := fetchOf(12, id, 1)
	forget := kmsg.NewFetchRequestForgottenTopic()
	forget.Topic, forget.Partitions = "a", []int32{0}
	r.ForgottenTopics = append(r.ForgottenTopics, forget)
	if got := mustBegin(t, s, r); got.session != nil || got.count() != 0 || s.shared.Open() != 0 {
		t.Fatalf("got %+v with %d sessions open", got, s.shared.Open())
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newSessions()
	one := mustBegin(t, s, fetchOf(12, 0, 0, "a")).session.id
	mustBegin(t, s, fetchOf(12, 0, 0, "b"))
	mustBegin(t, s, fetchOf(12, 0, 0, "c"))
	if _, code := s.begin(fetchOf(12, one, 1)); code != protocol.FetchSessionIDNotFound {
		t.Fatalf("got %v for the oldest of too many sessions", code)
	}
	s.shared.reserve(maxSessionPartitions - 3)
	if _, code := s.begin(fetchOf(12, s.all[0].id, 1, "x", "y")); code != protocol.FetchSessionIDNotFound {
		t.Fatalf("got %v for a session that outgrows the bound", code)
	}
	s.shared.release(maxSessionPartitions - 3)
	if got := s.shared.Partitions(); got != 1 {
		t.Fatalf("%d partitions counted, want 1", got)
	}
	few := &sessions{shared: NewSessions(1, 0)}
	mustBegin(t, few, fetchOf(12, 0, 0, "a"))
	if got := mustBegin(t, few, fetchOf(12, 0, 0, "a")); got.session != nil || got.count() != 1 {
		t.Fatalf("a second session where one is allowed: %+v", got)
	}
}

func TestSessionEpochWrapsToOne(t *testing.T) {
	if got := nextEpoch(math.MaxInt32); got != 1 {
		t.Fatalf("got %d", got)
	}
}

func TestPartitionNamedTwiceCountsOnce(t *testing.T) {
	s := newSessions()
	r := fetchOf(12, 0, 0, "a", "a")
	r.Topics[1].Partitions[0].FetchOffset = 99
	got := mustBegin(t, s, r)
	if got.count() != 1 || got.session.first.offset != 99 || s.shared.Partitions() != 1 {
		t.Fatalf("got %d partitions, offset %d, %d counted", got.count(), got.session.first.offset, s.shared.Partitions())
	}
}

// An incremental response mentions what has data, an error or another high watermark or log start, and a
// partition that got data waits its turn behind the others.
func TestIncrementalResponseHoldsOnlyChanges(t *testing.T) {
	s := newSessions()
	made := mustBegin(t, s, fetchOf(12, 0, 0, "a", "b", "c")).session
	respond := func(full bool, change func(i *item)) []string {
		var items []item
		for e := made.first; e != nil; e = e.next {
			items = append(items, item{entry: e, result: result{
				high: 5, stable: 5, divergesAt: protocol.NoLeaderEpoch, divergesEnd: protocol.NoOffset,
			}})
		}
		for i := range items {
			change(&items[i])
		}
		var names []string
		for _, one := range made.changed(items, full) {
			names = append(names, one.entry.topic)
		}
		return names
	}
	nothing := func(*item) {}
	if got := respond(true, nothing); len(got) != 3 {
		t.Fatalf("full response: %v", got)
	}
	if got := respond(false, nothing); len(got) != 0 {
		t.Fatalf("nothing changed: %v", got)
	}
	got := respond(false, func(i *item) {
		if i.entry.topic == "a" {
			i.high, i.region.Length = 6, 10
		}
	})
	if !equal(got, []string{"a"}) || made.last.topic != "a" || made.first.topic != "b" {
		t.Fatalf("got %v, order from %s to %s", got, made.first.topic, made.last.topic)
	}
	failing := func(i *item) {
		if i.entry.topic == "b" {
			i.result = failed(protocol.NotLeaderOrFollower)
		}
		if i.entry.topic == "a" {
			i.high = 6
		}
	}
	if got := respond(false, failing); !equal(got, []string{"b"}) {
		t.Fatalf("error: %v", got)
	}
	healed := func(i *item) {
		if i.entry.topic == "a" {
			i.high = 6
		}
	}
	if got := respond(false, healed); !equal(got, []string{"b"}) {
		t.Fatalf("after the error: %v", got)
	}
	started := func(i *item) { healed(i); i.start = 2 }
	if got := respond(false, started); len(got) != 3 {
		t.Fatalf("log start moved: %v", got)
	}
}

// BenchmarkIncrementalFetch is a poll over a thousand quiet partitions of a session, without the waiting.
func BenchmarkIncrementalFetch(b *testing.B) {
	broker := requesttest.New(b, vfs.NewMem())
	const partitions = 1000
	broker.CreateTopic("orders", partitions, nil)
	a := &Actor{env: broker.Env, sessions: *newSessions()}
	first := fetchOf(17, 0, 0, "x")
	first.Topics[0].TopicID = requesttest.TopicID("orders")
	first.Topics[0].Partitions = nil
	for partition := range int32(partitions) {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.PartitionMaxBytes = partition, 1<<20
		first.Topics[0].Partitions = append(first.Topics[0].Partitions, p)
	}
	full, _ := a.sessions.begin(first)
	epoch := int32(1)
	b.ReportAllocs()
	for b.Loop() {
		next, code := a.sessions.begin(fetchOf(17, full.session.id, epoch))
		if code != protocol.None {
			b.Fatal(code)
		}
		epoch++
		w := &work{limits: limits{version: 17, maxBytes: 1 << 20}, scope: next, items: a.resolve(&next), least: 1}
		w.look()
	}
}
