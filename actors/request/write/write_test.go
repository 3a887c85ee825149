package write

import (
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// requestFor builds a produce request for partitions 0 to n-1 of a topic.
func requestFor(topic string, n int32) *protocol.Request {
	body := kmsg.NewPtrProduceRequest()
	body.Version, body.Acks, body.TimeoutMillis = 9, -1, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for index := range n {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition = index
		p.Records = batch.Build(batch.Options{}, batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("k")})
		t.Partitions = append(t.Partitions, p)
	}
	body.Topics = append(body.Topics, t)
	return &protocol.Request{Header: protocol.Header{Version: 9}, Body: body}
}

func TestEveryPartitionIsAnsweredOnce(t *testing.T) {
	b := requesttest.New(t, vfs.NewMem())
	b.CreateTopic("orders", 3, nil)
	gather, proposals := Begin(b.Env, request.Client{}, requestFor("orders", 4))
	if gather.Open() != 3 || len(proposals) != 3 || !gather.Failed() {
		t.Fatalf("%d are open, %d proposed, failed is %v", gather.Open(), len(proposals), gather.Failed())
	}
	for i, p := range proposals {
		if p.Token != uint64(i) || p.Replica != b.Replica("orders", int32(i)) {
			t.Fatalf("proposal %d: %+v", i, p)
		}
	}
	answer := group.Proposed{Token: 1, Result: partition.Appended{BaseOffset: 7, AppendTime: -1, LogStart: 2}}
	gather.Answer(answer)
	gather.Answer(group.Proposed{Token: 1, Err: group.ErrBusy})
	gather.Answer(group.Proposed{Token: 99})
	if gather.Open() != 2 {
		t.Fatalf("%d are open after one answer", gather.Open())
	}
	gather.Expire()
	gather.Expire()
	gather.Answer(group.Proposed{Token: 0, Result: partition.Appended{}})
	got := gather.Response().Topics[0].Partitions
	for i, want := range []protocol.Code{
		protocol.RequestTimedOut, protocol.None, protocol.RequestTimedOut, protocol.UnknownTopicOrPartition,
	} {
		if protocol.Code(got[i].ErrorCode) != want {
			t.Errorf("partition %d: %v, want %v", i, protocol.Code(got[i].ErrorCode), want)
		}
	}
	if got[1].BaseOffset != 7 || got[1].LogStartOffset != 2 || gather.Open() != 0 {
		t.Fatalf("got %+v with %d open", got[1], gather.Open())
	}
}

func TestPatienceIsBounded(t *testing.T) {
	r := requestFor("orders", 1)
	body := r.Body.(*kmsg.ProduceRequest)
	for millis, want := range map[int32]time.Duration{
		-5: 0, 0: 0, 1500: 1500 * time.Millisecond, math.MaxInt32: 10 * time.Second,
	} {
		body.TimeoutMillis = millis
		if got := Patience(r, 10*time.Second); got != want {
			t.Errorf("%d ms: got %v, want %v", millis, got, want)
		}
	}
}

func TestTimestampLimitsStayWithinInt64(t *testing.T) {
	now := time.Now().UnixMilli()
	if minus(now, math.MaxInt64) != math.MinInt64 || minus(now, 10) != now-10 {
		t.Error("earliest overflows")
	}
	if plus(now, math.MaxInt64) != math.MaxInt64 || plus(now, 10) != now+10 {
		t.Error("latest overflows")
	}
}

func BenchmarkBegin(b *testing.B) {
	broker := requesttest.New(b, vfs.NewMem())
	broker.CreateTopic("orders", 1, nil)
	r := requestFor("orders", 1)
	b.ReportAllocs()
	for b.Loop() {
		Begin(broker.Env, request.Client{}, r)
	}
}

// The supervisor tells an actor that failed at its first message to stop: that is no second failure.
func TestAnActorThatFailedBeforeItBeganStops(*testing.T) { (&Actor{}).onStopping() }
