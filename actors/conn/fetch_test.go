package conn_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// long is a max_wait_ms that no test waits out.
const long = 60_000

// also adds partitions of the same topic to a fetch.
func also(r *kmsg.FetchRequest, offset int64, partitions ...int32) *kmsg.FetchRequest {
	for _, partition := range partitions {
		p := r.Topics[0].Partitions[0]
		p.Partition, p.FetchOffset = partition, offset
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
	}
	return r
}

func (c *client) fetch(r *kmsg.FetchRequest) *kmsg.FetchResponse {
	c.t.Helper()
	return c.roundTrip(r).(*kmsg.FetchResponse)
}

func TestLongPollIsWokenByAnAppend(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 3, nil)
	c := s.dial()
	for i := range int64(5) {
		r := also(fetchOf(12, "orders", 0, i), 0, 1, 2)
		r.MaxWaitMillis = long
		correlation := c.send(r)
		s.waited("orders-0", i+1)
		want := s.Append("orders", 0, "v")
		got := c.receive(correlation, r).(*kmsg.FetchResponse)
		if p := got.Topics[0].Partitions[0]; !bytes.Equal(p.RecordBatches, want) || p.HighWatermark != i+1 {
			t.Fatalf("poll %d: %+v", i, p)
		}
	}
}

// waited waits until a partition has been asked for so many wake-ups in all.
func (s *server) waited(name string, times int64) {
	s.t.Helper()
	s.Eventually(func() bool { return s.Doors[name].Waits.Load() >= times })
}

func TestLongPollWaitsForMinBytes(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	c := s.dial()
	r := also(fetchOf(12, "orders", 0, 0), 0, 1)
	r.MaxWaitMillis, r.MinBytes = long, 300
	correlation := c.send(r)
	s.waited("orders-0", 1)
	size := 0
	for i := int32(0); size < 300; i++ {
		size += len(s.Append("orders", i%2, "0123456789"))
	}
	got := c.receive(correlation, r).(*kmsg.FetchResponse)
	bytes := 0
	for _, p := range got.Topics[0].Partitions {
		bytes += len(p.RecordBatches)
	}
	if bytes != size {
		t.Fatalf("got %d bytes, want the %d that make min_bytes", bytes, size)
	}
}

func TestLongPollEndsAtItsDeadline(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	want := s.Append("orders", 0, "there before")
	c := s.dial()
	r := fetchOf(12, "orders", 0, 0)
	r.MaxWaitMillis, r.MinBytes = 80, 1<<20
	begun := time.Now()
	correlation := c.send(r)
	s.waited("orders-0", 1)
	s.Append("orders", 0, "on the way") // on a busy machine it comes after the deadline
	got := c.receive(correlation, r).(*kmsg.FetchResponse)
	if took := time.Since(begun); took < 80*time.Millisecond {
		t.Fatalf("answered after %v", took)
	}
	if !bytes.HasPrefix(got.Topics[0].Partitions[0].RecordBatches, want) {
		t.Fatalf("got %+v, want what there is", got.Topics[0].Partitions[0])
	}
}

func TestLongPollHearsOfANewLeader(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.Register(2, "two.example", 9094)
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	r := fetchOf(16, "orders", 0, 0)
	r.MaxWaitMillis = long
	correlation := c.send(r)
	s.waited("orders-0", 1)
	s.Lead(s.Replica("orders", 0), 2, 9)
	got := c.receive(correlation, r).(*kmsg.FetchResponse)
	p := got.Topics[0].Partitions[0]
	if protocol.Code(p.ErrorCode) != protocol.NotLeaderOrFollower || p.CurrentLeader.LeaderID != 2 || p.CurrentLeader.LeaderEpoch != 9 {
		t.Fatalf("got %+v", p)
	}
	if len(got.Brokers) != 1 || got.Brokers[0].Host != "two.example" || got.Brokers[0].Port != 9094 || *got.Brokers[0].Rack != "rack-2" {
		t.Fatalf("got endpoints %+v", got.Brokers)
	}
}

func TestFetchErrorsAreKafkas(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.CreateTopic("packed", 1, map[string]string{"compression.type": "zstd"})
	s.CreateTopic("led", 1, nil)
	s.Lead(s.Replica("led", 0), 0, 5)
	s.Append("orders", 0, "v")
	c := s.dial()
	for _, one := range []struct {
		name      string
		version   int16
		topic     string
		partition int32
		change    func(p *kmsg.FetchRequestTopicPartition)
		want      protocol.Code
	}{
		{"at the end", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 1 }, protocol.None},
		{"beyond the end", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 2 }, protocol.OffsetOutOfRange},
		{"below the start", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = -1 }, protocol.OffsetOutOfRange},
		{"no such topic", 12, "nowhere", 0, nil, protocol.UnknownTopicOrPartition},
		{"no such partition", 12, "orders", 7, nil, protocol.UnknownTopicOrPartition},
		{"no such topic id", 13, "nowhere", 0, nil, protocol.UnknownTopicID},
		{"no such partition by id", 13, "orders", 7, nil, protocol.UnknownTopicOrPartition},
		{"same epoch", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 3 }, protocol.None},
		{"older epoch", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 2 }, protocol.FencedLeaderEpoch},
		{"newer epoch", 12, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 4 }, protocol.UnknownLeaderEpoch},
		{"epoch before its time", 8, "orders", 0, func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 4 }, protocol.None},
		{"not the leader", 12, "led", 0, nil, protocol.NotLeaderOrFollower},
		{"zstd for an old client", 9, "packed", 0, nil, protocol.UnsupportedCompressionType},
		{"zstd", 10, "packed", 0, nil, protocol.None},
	} {
		r := fetchOf(one.version, one.topic, one.partition, 0)
		if one.change != nil {
			one.change(&r.Topics[0].Partitions[0])
		}
		if code := codeOf(t, c.fetch(r)); code != one.want {
			t.Errorf("%s: got %v, want %v", one.name, code, one.want)
		}
	}
}

// KIP-595: a client that has more of an epoch than we have learns where ours ends.
func TestDivergingClientIsToldWhere(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.Append("orders", 0, "v")
	c := s.dial()
	r := fetchOf(12, "orders", 0, 2)
	r.MaxWaitMillis = long
	p := &r.Topics[0].Partitions[0]
	p.LastFetchedEpoch = requesttest.Epoch
	got := c.fetch(r).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || got.DivergingEpoch.Epoch != requesttest.Epoch || got.DivergingEpoch.EndOffset != 1 {
		t.Fatalf("got %+v", got)
	}
	p.FetchOffset, r.MaxWaitMillis = 1, 0
	if got := c.fetch(r).Topics[0].Partitions[0]; got.ErrorCode != 0 || got.DivergingEpoch.Epoch != -1 {
		t.Fatalf("got %+v", got)
	}
	p.LastFetchedEpoch = requesttest.Epoch + 1
	if code := codeOf(t, c.fetch(r)); code != protocol.OffsetOutOfRange {
		t.Fatalf("got %v for an epoch that has not been", code)
	}
}

// A fetch that names an unknown topic beside a known one waits all the same, as in Kafka: else a consumer of
// a deleted topic would fetch in a tight loop.
func TestUnknownTopicDoesNotEndTheWaitOfOthers(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	r := fetchOf(12, "orders", 0, 0)
	r.Topics = append(r.Topics, fetchOf(12, "nowhere", 0, 0).Topics...)
	r.MaxWaitMillis = long
	correlation := c.send(r)
	s.waited("orders-0", 1)
	s.Append("orders", 0, "v")
	got := c.receive(correlation, r).(*kmsg.FetchResponse)
	if len(got.Topics) != 2 || len(got.Topics[0].Partitions[0].RecordBatches) == 0 {
		t.Fatalf("got %+v", got)
	}
}

// KIP-74: the first partition with data gives at least one batch, the others what the limits leave.
func TestFetchLimits(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 4, nil)
	big := make([]byte, 5000)
	var size int
	for partition := int32(1); partition < 4; partition++ {
		size = len(s.Append("orders", partition, string(big)))
		s.Append("orders", partition, string(big))
	}
	c := s.dial()
	lengths := func(maxBytes, partitionMax int32) (got [4]int) {
		r := also(fetchOf(12, "orders", 0, 0), 0, 1, 2, 3)
		r.MaxBytes = maxBytes
		for i := range r.Topics[0].Partitions {
			r.Topics[0].Partitions[i].PartitionMaxBytes = partitionMax
		}
		for i, p := range c.fetch(r).Topics[0].Partitions {
			got[i] = len(p.RecordBatches)
		}
		return got
	}
	for _, one := range []struct {
		max, partitionMax int
		want              [4]int
	}{
		{1 << 20, 1 << 20, [4]int{0, 2 * size, 2 * size, 2 * size}},
		{1, 1, [4]int{0, size, 0, 0}},
		{0, 0, [4]int{0, size, 0, 0}},
		{1 << 20, size, [4]int{0, size, size, size}},
		{2 * size, size, [4]int{0, size, size, 0}},
		{3*size - 1, 1 << 20, [4]int{0, 2 * size, 0, 0}},
	} {
		if got := lengths(int32(one.max), int32(one.partitionMax)); got != one.want {
			t.Errorf("max_bytes %d, partition_max_bytes %d: got %v, want %v", one.max, one.partitionMax, got, one.want)
		}
	}
}

func TestIncrementalFetchOverTheWire(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 3, nil)
	c := s.dial()
	r := also(fetchOf(17, "orders", 0, 0), 0, 1, 2)
	r.SessionEpoch = 0
	full := c.fetch(r)
	if full.SessionID == 0 || len(full.Topics[0].Partitions) != 3 {
		t.Fatalf("got %+v", full)
	}
	next := kmsg.NewPtrFetchRequest()
	next.Version, next.SessionID, next.MinBytes, next.MaxBytes = 17, full.SessionID, 1, 1<<20
	next.SessionEpoch = 1
	next.MaxWaitMillis = 20
	if got := c.fetch(next); got.ErrorCode != 0 || got.SessionID != full.SessionID || len(got.Topics) != 0 {
		t.Fatalf("nothing changed, got %+v", got)
	}
	next.SessionEpoch, next.MaxWaitMillis = 2, long
	correlation := c.send(next)
	s.waited("orders-1", 1)
	want := s.Append("orders", 1, "v")
	got := c.receive(correlation, next).(*kmsg.FetchResponse)
	if len(got.Topics) != 1 || len(got.Topics[0].Partitions) != 1 || got.Topics[0].Partitions[0].Partition != 1 ||
		!bytes.Equal(got.Topics[0].Partitions[0].RecordBatches, want) {
		t.Fatalf("got %+v", got)
	}
	if code := codeOf(t, c.fetch(next)); code != protocol.InvalidFetchSessionEpoch {
		t.Fatalf("got %v for an epoch of the past", code)
	}
	other := s.dial()
	next.SessionEpoch = 3
	if code := codeOf(t, other.fetch(next)); code != protocol.FetchSessionIDNotFound {
		t.Fatalf("got %v for the session of another connection", code)
	}
}

// In a session, a partition that always fills the response does not starve the others.
func TestFullResponsesRotate(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 3, nil)
	for partition := range int32(3) {
		s.Append("orders", partition, string(make([]byte, 1000)))
	}
	c := s.dial()
	r := also(fetchOf(17, "orders", 0, 0), 0, 1, 2)
	r.SessionEpoch, r.MaxBytes = 0, 1
	full := c.fetch(r)
	next := kmsg.NewPtrFetchRequest()
	next.Version, next.SessionID, next.MinBytes, next.MaxBytes = 17, full.SessionID, 1, 1
	seen := map[int32]bool{}
	for epoch := range int32(3) {
		next.SessionEpoch = epoch + 1
		for _, p := range c.fetch(next).Topics[0].Partitions {
			if len(p.RecordBatches) > 0 {
				seen[p.Partition] = true
			}
		}
	}
	if len(seen) != 3 {
		t.Fatalf("only %v got data", seen)
	}
}

// A consumer at the tail of many quiet partitions asks each of them once, not once for every poll.
func TestQuietPartitionsCostNoMessages(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	const partitions = 50
	s.CreateTopic("orders", partitions, nil)
	c := s.dial()
	r := fetchOf(12, "orders", 0, 0)
	for partition := int32(1); partition < partitions; partition++ {
		also(r, 0, partition)
	}
	r.MaxWaitMillis = 5
	for range 20 {
		c.fetch(r)
	}
	s.Append("orders", 7, "v")
	if got := len(c.fetch(r).Topics[0].Partitions[7].RecordBatches); got == 0 {
		t.Fatal("the one that is not quiet is not read")
	}
	r.Topics[0].Partitions[7].FetchOffset = 1
	s.Eventually(func() bool { // the connection hears that the partition has moved after it has read there
		c.fetch(r)
		return s.Doors["orders-7"].Waits.Load() >= 2
	})
	for name, door := range s.Doors {
		want := int64(1)
		if name == "orders-7" {
			want = 2
		}
		if got := door.Waits.Load(); got != want {
			t.Errorf("%s was asked %d times, want %d", name, got, want)
		}
	}
	_ = c.Close()
	s.Eventually(func() bool {
		for _, door := range s.Doors {
			if door.Unwaits.Load() != 1 {
				return false
			}
		}
		return true
	})
}
