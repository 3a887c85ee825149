package conn_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

func record(at time.Time, key, value string) batch.Record {
	r := batch.Record{Timestamp: at.UnixMilli(), Value: []byte(value)}
	if key != "" {
		r.Key = []byte(key)
	}
	return r
}

func TestProduceErrorsAreKafkas(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, map[string]string{"max.message.bytes": "1000"})
	s.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact"})
	s.CreateTopic("led", 1, nil)
	s.CreateTopic("__consumer_offsets", 1, nil)
	s.Lead(s.Replica("led", 0), 0, 5)
	good := batchOf("v")
	corrupt := append([]byte(nil), good...)
	corrupt[len(corrupt)-1]++
	now := time.Now()
	transactional := batch.Build(batch.Options{
		Transactional: true, Producer: &batch.Producer{ID: 7, Sequence: 0},
	}, record(now, "k", "v"))
	id := "tx"
	c := s.dial()
	for _, one := range []struct {
		name    string
		request *kmsg.ProduceRequest
		change  func(r *kmsg.ProduceRequest)
		want    protocol.Code
	}{
		{"good", produceOf(9, 1, "orders", 0, good), nil, protocol.None},
		{"acks 2", produceOf(9, 2, "orders", 0, good), nil, protocol.InvalidRequiredAcks},
		{"no such topic", produceOf(9, -1, "nowhere", 0, good), nil, protocol.UnknownTopicOrPartition},
		{"no such topic id", produceOf(13, -1, "nowhere", 0, good), nil, protocol.UnknownTopicID},
		{"no such partition", produceOf(9, -1, "orders", 9, good), nil, protocol.UnknownTopicOrPartition},
		{"not the leader", produceOf(9, -1, "led", 0, good), nil, protocol.NotLeaderOrFollower},
		{"internal topic", produceOf(9, -1, "__consumer_offsets", 0, good), nil, protocol.InvalidTopicException},
		{"internal topic by id", produceOf(13, -1, "__consumer_offsets", 0, good), nil, protocol.InvalidTopicException},
		{"damaged", produceOf(9, -1, "orders", 0, corrupt), nil, protocol.CorruptMessage},
		{"empty", produceOf(9, -1, "orders", 0, nil), nil, protocol.InvalidRecord},
		{"two batches", produceOf(9, -1, "orders", 0, append(good[:len(good):len(good)], good...)), nil, protocol.InvalidRecord},
		{"too large", produceOf(9, -1, "orders", 0, batchOf(string(make([]byte, 1000)))), nil, protocol.MessageTooLarge},
		{"no key", produceOf(9, -1, "compacted", 0, batch.Build(batch.Options{}, record(now, "", "v"))), nil, protocol.InvalidRecord},
		{"future", produceOf(9, -1, "orders", 0, batch.Build(batch.Options{}, record(now.Add(2*time.Hour), "k", "v"))), nil, protocol.InvalidTimestamp},
		{"zstd for an old client", produceOf(6, -1, "orders", 0, batch.Build(batch.Options{Codec: batch.Zstd}, record(now, "k", "v"))), nil, protocol.UnsupportedCompressionType},
		{"transactional batch", produceOf(9, -1, "orders", 0, transactional), nil, protocol.TransactionalIDAuthorizationFailed},
		{"no coordinator", produceOf(9, -1, "orders", 0, transactional), func(r *kmsg.ProduceRequest) { r.TransactionID = &id }, protocol.NotEnoughReplicas},
	} {
		if one.change != nil {
			one.change(one.request)
		}
		got := c.roundTrip(one.request).(*kmsg.ProduceResponse)
		p := got.Topics[0].Partitions[0]
		if protocol.Code(p.ErrorCode) != one.want {
			t.Errorf("%s: got %v, want %v", one.name, protocol.Code(p.ErrorCode), one.want)
		}
		if p.ErrorCode != 0 && (p.BaseOffset != -1 || p.LogStartOffset != -1 || p.LogAppendTime != -1) {
			t.Errorf("%s: got %+v", one.name, p)
		}
	}
}

// KIP-467: the records that are to blame are named.
func TestRefusedRecordsAreNamed(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact"})
	now := time.Now()
	records := batch.Build(batch.Options{}, record(now, "k", "v"), record(now, "", "v"), record(now, "", "v"))
	got := s.dial().roundTrip(produceOf(9, -1, "compacted", 0, records)).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if len(got.ErrorRecords) != 2 || got.ErrorRecords[0].RelativeOffset != 1 || got.ErrorRecords[1].ErrorMessage == nil || got.ErrorMessage == nil {
		t.Fatalf("got %+v", got)
	}
}

func TestProduceIsRefusedWhileTheDiskIsLow(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.DiskLow.Store(true)
	c := s.dial()
	got := c.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v"))).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if protocol.Code(got.ErrorCode) != protocol.KafkaStorageError || got.ErrorMessage == nil {
		t.Fatalf("got %+v", got)
	}
	s.DiskLow.Store(false)
	if code := codeOf(t, c.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v")))); code != 0 {
		t.Fatal(code)
	}
}

func TestErrorsOfTheCoreAreRetriable(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	for _, one := range []struct {
		err  error
		want protocol.Code
	}{
		{group.ErrNotLeader{Leader: 7}, protocol.NotLeaderOrFollower},
		{group.ErrLostLeadership, protocol.NotLeaderOrFollower},
		{kit.ErrStopped, protocol.NotLeaderOrFollower},
		{group.ErrBusy, protocol.NotEnoughReplicas},
		{protocol.Errorf(protocol.OutOfOrderSequenceNumber, "gap"), protocol.OutOfOrderSequenceNumber},
		{errors.New("anything"), protocol.UnknownServerError},
	} {
		s.Cores["orders-0"].Refuse.Store(&one.err)
		if code := codeOf(t, c.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v")))); code != one.want {
			t.Errorf("%v: got %v, want %v", one.err, code, one.want)
		}
	}
}

// KIP-951: a producer that asks the wrong broker is told the right one, from version 10 on.
func TestProducerIsToldTheLeader(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.Register(2, "two.example", 9094)
	s.CreateTopic("orders", 1, nil)
	s.Lead(s.Replica("orders", 0), 2, 9)
	c := s.dial()
	got := c.roundTrip(produceOf(10, -1, "orders", 0, batchOf("v"))).(*kmsg.ProduceResponse)
	p := got.Topics[0].Partitions[0]
	if p.CurrentLeader.LeaderID != 2 || p.CurrentLeader.LeaderEpoch != 9 || len(got.Brokers) != 1 || got.Brokers[0].Host != "two.example" {
		t.Fatalf("got %+v", got)
	}
}

func TestLogAppendTimeIsStampedAndTold(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	c := s.dial()
	before := time.Now().UnixMilli()
	old := batch.Build(batch.Options{}, record(time.Unix(1000, 0), "k", "v"))
	got := c.roundTrip(produceOf(9, -1, "orders", 0, old)).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if got.ErrorCode != 0 || got.LogAppendTime < before {
		t.Fatalf("got %+v", got)
	}
	stored := batch.Batch(c.fetch(fetchOf(12, "orders", 0, 0)).Topics[0].Partitions[0].RecordBatches)
	if stored.TimestampType() != batch.LogAppendTime || stored.MaxTimestamp() != got.LogAppendTime || !stored.VerifyCRC() {
		t.Fatalf("stored %+v", stored.Header())
	}
}

func TestTopicsCodecWins(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("packed", 1, map[string]string{"compression.type": "zstd"})
	s.CreateTopic("plain", 1, map[string]string{"compression.type": "uncompressed"})
	c := s.dial()
	r := record(time.Now(), "key", "value")
	r.Headers = []batch.RecordHeader{{Key: "h", Value: []byte("x")}}
	for topic, want := range map[string]batch.Codec{"packed": batch.Zstd, "plain": batch.NoCompression} {
		o := batch.Options{Codec: batch.Gzip, Producer: &batch.Producer{ID: 9, Epoch: 1, Sequence: 0}}
		if code := codeOf(t, c.roundTrip(produceOf(9, -1, topic, 0, batch.Build(o, r, r)))); code != 0 {
			t.Fatal(code)
		}
		stored := batch.Batch(c.fetch(fetchOf(12, topic, 0, 0)).Topics[0].Partitions[0].RecordBatches)
		if stored.Codec() != want || stored.ProducerID() != 9 || stored.ProducerEpoch() != 1 || stored.Count() != 2 {
			t.Fatalf("%s: stored %+v", topic, stored.Header())
		}
		err := stored.Records(func(got batch.Record) bool {
			if string(got.Key) != "key" || string(got.Value) != "value" || got.Timestamp != r.Timestamp || got.Headers[0].Key != "h" {
				t.Errorf("%s: stored %+v", topic, got)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The default limits of message.timestamp.before.max.ms and after.max.ms do not overflow.
func TestTimestampLimitsAtTheirExtremes(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	limit := "9223372036854775807"
	s.CreateTopic("any", 1, map[string]string{"message.timestamp.after.max.ms": limit, "message.timestamp.before.max.ms": limit})
	s.CreateTopic("none", 1, map[string]string{"message.timestamp.after.max.ms": "0", "message.timestamp.before.max.ms": "0"})
	c := s.dial()
	for topic, want := range map[string]protocol.Code{"any": protocol.None, "none": protocol.InvalidTimestamp} {
		for _, at := range []int64{0, math.MaxInt64 / 2} {
			records := batch.Build(batch.Options{}, batch.Record{Timestamp: at, Key: []byte("k")})
			if code := codeOf(t, c.roundTrip(produceOf(9, -1, topic, 0, records))); code != want {
				t.Errorf("%s at %d: got %v, want %v", topic, at, code, want)
			}
		}
	}
}

// One partition that fails does not touch the others of the request.
func TestPartitionsAreAnsweredEachForItself(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 3, nil)
	s.Lead(s.Replica("orders", 1), 0, 5)
	r := produceOf(9, -1, "orders", 0, batchOf("a"))
	for _, partition := range []int32{1, 2, 9} {
		more := produceOf(9, -1, "orders", partition, batchOf("a"))
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, more.Topics[0].Partitions...)
	}
	got := s.dial().roundTrip(r).(*kmsg.ProduceResponse).Topics[0].Partitions
	for i, want := range []protocol.Code{protocol.None, protocol.NotLeaderOrFollower, protocol.None, protocol.UnknownTopicOrPartition} {
		if protocol.Code(got[i].ErrorCode) != want || got[i].Partition != r.Topics[0].Partitions[i].Partition {
			t.Errorf("partition %d: got %+v, want %v", i, got[i], want)
		}
	}
}
