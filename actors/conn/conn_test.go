package conn_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/listener"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

// patience bounds what a test waits for; nothing takes nearly as long.
const patience = 20 * time.Second

// server is a listener in front of a test broker.
type server struct {
	*requesttest.Broker
	shared   *conn.Shared
	listener kit.Address
	events   *kittest.Probe
	addr     string
	t        testing.TB
}

// budget is the memory that a test server has for requests.
const budget = 64 << 20

func serve(t testing.TB, fs vfs.FS, settings conn.Settings) *server {
	s := &server{Broker: requesttest.New(t, fs), t: t}
	if settings.MaxRequestBytes == 0 {
		settings.MaxRequestBytes = 16 << 20
	}
	sessions, memory := fetch.NewSessions(0, 1), kit.NewBudget(budget)
	s.shared = &conn.Shared{
		Env: s.Env, Budget: memory, Sessions: sessions, Settings: settings,
		Metrics: conn.NewMetrics(prometheus.NewRegistry(), sessions, memory),
	}
	s.events = kittest.NewProbe(s.System, "events")
	s.listener = s.System.Spawn("listener-test", listener.Spec(listener.Options{
		Name: "test", Address: "127.0.0.1:0", Events: s.events.Address, Shared: s.shared, Log: zerolog.Nop(),
	}))
	bound := kittest.Expect[listener.Bound](t, s.events, patience)
	if bound.Err != nil {
		t.Fatal(bound.Err)
	}
	s.addr = bound.Addr.String()
	t.Cleanup(s.close)
	return s
}

// close stops the listener and checks that everything that connections held was given back.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.System.StopAndWait(ctx, s.listener); err != nil {
		s.t.Error(err)
	}
	s.Eventually(func() bool { return s.shared.Budget.Used() == 0 })
	s.Eventually(func() bool { return s.shared.Sessions.Open() == 0 && s.shared.Sessions.Partitions() == 0 })
}

// client speaks to the server with kmsg.
type client struct {
	net.Conn
	t      testing.TB
	format *kmsg.RequestFormatter
	last   int32
}

func (s *server) dial() *client {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return &client{Conn: c, t: s.t, format: kmsg.NewRequestFormatter(kmsg.FormatterClientID("tester"))}
}

// send writes a request and returns its correlation id.
func (c *client) send(r kmsg.Request) int32 {
	c.t.Helper()
	c.last++
	if _, err := c.Write(c.format.AppendRequest(nil, r, c.last)); err != nil {
		c.t.Fatal(err)
	}
	return c.last
}

// frame reads one response frame.
func (c *client) frame() []byte {
	c.t.Helper()
	frame, err := c.tryFrame()
	if err != nil {
		c.t.Fatalf("read reply: %v", err)
	}
	return frame
}

func (c *client) tryFrame() ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var prefix [4]byte
	if _, err := io.ReadFull(c, prefix[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	_, err := io.ReadFull(c, frame)
	return frame, err
}

// receive reads the response to a request.
func (c *client) receive(correlation int32, r kmsg.Request) kmsg.Response {
	c.t.Helper()
	frame := c.frame()
	if got := int32(binary.BigEndian.Uint32(frame)); got != correlation {
		c.t.Fatalf("got the reply to request %d, want %d", got, correlation)
	}
	response := r.ResponseKind()
	response.SetVersion(r.GetVersion())
	body := frame[4:]
	if r.IsFlexible() && r.Key() != int16(kmsg.ApiVersions) {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		c.t.Fatalf("%T version %d: %v", response, r.GetVersion(), err)
	}
	return response
}

func (c *client) roundTrip(r kmsg.Request) kmsg.Response {
	c.t.Helper()
	return c.receive(c.send(r), r)
}

// expectEnd fails the test unless the server closes the connection, without a further reply.
func (c *client) expectEnd() {
	c.t.Helper()
	frame, err := c.tryFrame()
	var timeout net.Error
	if err == nil || (errors.As(err, &timeout) && timeout.Timeout()) {
		c.t.Fatalf("got %x, %v; want the end of the connection", frame, err)
	}
}

// produceOf builds a produce request of one partition. Up to version 12 the topic goes by its name.
func produceOf(version int16, acks int16, topic string, partition int32, records []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = version, acks, 5000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, requesttest.TopicID(topic)
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func batchOf(values ...string) []byte {
	records := make([]batch.Record, len(values))
	for i, value := range values {
		records[i] = batch.Record{Timestamp: time.Now().UnixMilli(), Key: []byte("k"), Value: []byte(value)}
	}
	return batch.Build(batch.Options{}, records...)
}

func fetchOf(version int16, topic string, partition int32, offset int64) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.MaxWaitMillis, r.MinBytes, r.MaxBytes = version, 0, 1, 10<<20
	r.SessionEpoch = -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, requesttest.TopicID(topic)
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func codeOf(t testing.TB, r kmsg.Response) protocol.Code {
	t.Helper()
	switch m := r.(type) {
	case *kmsg.ProduceResponse:
		return protocol.Code(m.Topics[0].Partitions[0].ErrorCode)
	case *kmsg.FetchResponse:
		if m.ErrorCode != 0 {
			return protocol.Code(m.ErrorCode)
		}
		return protocol.Code(m.Topics[0].Partitions[0].ErrorCode)
	}
	t.Fatalf("no code in %T", r)
	return 0
}

func TestEveryVersionOfProduceAndFetchRoundTrips(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	for version := int16(3); version <= 13; version++ {
		got := c.roundTrip(produceOf(version, -1, "orders", 0, batchOf("v"))).(*kmsg.ProduceResponse)
		p := got.Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.BaseOffset != int64(version-3) || p.LogAppendTime != -1 {
			t.Fatalf("produce %d: %+v", version, p)
		}
		if version >= 13 && got.Topics[0].TopicID != requesttest.TopicID("orders") {
			t.Fatalf("produce %d answers for topic %x", version, got.Topics[0].TopicID)
		}
	}
	for version := int16(4); version <= 18; version++ {
		got := c.roundTrip(fetchOf(version, "orders", 0, 2)).(*kmsg.FetchResponse)
		p := got.Topics[0].Partitions[0]
		if p.ErrorCode != 0 || p.HighWatermark != 11 || p.LastStableOffset != 11 {
			t.Fatalf("fetch %d: %+v", version, p)
		}
		first, rest, err := batch.Split(p.RecordBatches)
		if err != nil || first.BaseOffset() != 2 || first.LeaderEpoch() != requesttest.Epoch || !first.VerifyCRC() {
			t.Fatalf("fetch %d: first batch %v, %v", version, first, err)
		}
		if _, rest, _ = batch.Split(rest); len(rest) == 0 {
			t.Fatalf("fetch %d: only two batches", version)
		}
	}
}

func TestPipelinedRepliesLeaveInOrder(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	s.Cores["orders-0"].Hold.Store(true)
	c := s.dial()
	slow := produceOf(9, -1, "orders", 0, batchOf("slow"))
	fast := produceOf(9, -1, "orders", 1, batchOf("fast"))
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version = 2
	first, second, third := c.send(slow), c.send(fast), c.send(versions)
	s.Eventually(func() bool { return s.Replica("orders", 1).View().End() == 1 })
	s.Replica("orders", 0).Core.Tell(resume)
	for _, one := range []struct {
		correlation int32
		request     kmsg.Request
	}{{first, slow}, {second, fast}, {third, versions}} {
		c.receive(one.correlation, one.request)
	}
}

// Appends of one connection keep their order though nobody waits for the one before.
func TestPipelinedProducesAppendInOrder(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	const count = 500
	request := produceOf(9, -1, "orders", 0, batchOf("x"))
	go func() {
		for range count {
			c.send(request)
		}
	}()
	for i := range int32(count) {
		got := c.receive(i+1, request).(*kmsg.ProduceResponse)
		if p := got.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("request %d: %+v", i, p)
		}
	}
}

func TestProduceWithoutAcksGetsNoReply(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	c.send(produceOf(9, 0, "orders", 0, batchOf("a")))
	c.send(produceOf(9, 0, "orders", 0, batchOf("b")))
	got := c.roundTrip(produceOf(9, 1, "orders", 0, batchOf("c"))).(*kmsg.ProduceResponse)
	if p := got.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 2 {
		t.Fatalf("got %+v", p)
	}
}

func TestErrorOfProduceWithoutAcksClosesTheConnection(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	c := s.dial()
	c.send(produceOf(9, 0, "nowhere", 0, batchOf("a")))
	c.expectEnd()
}

// A reply to a later request does not wait for a produce that gets none.
func TestSilentProduceHoldsNobodyUp(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	s.Cores["orders-0"].Hold.Store(true)
	c := s.dial()
	c.send(produceOf(9, 0, "orders", 0, batchOf("slow")))
	if code := codeOf(t, c.roundTrip(produceOf(9, 1, "orders", 1, batchOf("fast")))); code != 0 {
		t.Fatal(code)
	}
	s.Replica("orders", 0).Core.Tell(resume)
}

func TestUnsupportedApiVersionsIsAnsweredInVersion0(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	c := s.dial()
	frame := []byte{0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0}
	if _, err := c.Write(append([]byte{0, 0, 0, byte(len(frame))}, frame...)); err != nil {
		t.Fatal(err)
	}
	request := kmsg.NewPtrApiVersionsRequest()
	got := c.receive(7, request).(*kmsg.ApiVersionsResponse)
	if protocol.Code(got.ErrorCode) != protocol.UnsupportedVersion || len(got.ApiKeys) == 0 {
		t.Fatalf("got %+v", got)
	}
	request.Version = 3
	request.ClientSoftwareName, request.ClientSoftwareVersion = "tester", "1.0"
	if got := c.roundTrip(request).(*kmsg.ApiVersionsResponse); got.ErrorCode != 0 {
		t.Fatalf("the connection does not go on: %+v", got)
	}
}

func TestUnservedRequestClosesTheConnection(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	for name, frame := range map[string][]byte{
		"version": {0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff}, // Produce 2: advertised for librdkafka, not served
		"key":     {0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"body":    {0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 1, 2, 3},
	} {
		c := s.dial()
		if _, err := c.Write(append([]byte{0, 0, 0, byte(len(frame))}, frame...)); err != nil {
			t.Fatal(name, err)
		}
		c.expectEnd()
	}
}

func TestTimedOutProduceIsAnswered(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	s.Cores["orders-1"].Hold.Store(true)
	c := s.dial()
	r := produceOf(9, -1, "orders", 0, batchOf("a"))
	r.TimeoutMillis = 2000 // the other partition answers before that, however busy the machine is
	late := produceOf(9, -1, "orders", 1, batchOf("b"))
	r.Topics[0].Partitions = append(r.Topics[0].Partitions, late.Topics[0].Partitions...)
	got := c.roundTrip(r).(*kmsg.ProduceResponse).Topics[0].Partitions
	if got[0].ErrorCode != 0 || protocol.Code(got[1].ErrorCode) != protocol.RequestTimedOut {
		t.Fatalf("got %+v", got)
	}
}

// Regions of every size arrive whole: below the copy limit, above it, through sendfile and through memory.
func TestFetchedBytesAreTheBytesOfTheLog(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"sendfile": vfs.OS(), "memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, fs, conn.Settings{})
			s.CreateTopic("orders", 3, nil)
			want := make([][]byte, 3)
			for i, size := range []int{10, 20_000, 700_000} {
				for range 3 {
					value := string(bytes.Repeat([]byte{byte('a' + i)}, size))
					want[i] = append(want[i], s.Append("orders", int32(i), value)...)
				}
			}
			c := s.dial()
			r := fetchOf(12, "orders", 0, 0)
			for i := range 2 {
				p := r.Topics[0].Partitions[0]
				p.Partition = int32(i + 1)
				r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
			}
			for i := range r.Topics[0].Partitions {
				r.Topics[0].Partitions[i].PartitionMaxBytes = 10 << 20
			}
			got := c.roundTrip(r).(*kmsg.FetchResponse)
			for i, p := range got.Topics[0].Partitions {
				if !bytes.Equal(p.RecordBatches, want[i]) {
					t.Errorf("partition %d: %d bytes differ from the %d of the log", i, len(p.RecordBatches), len(want[i]))
				}
			}
		})
	}
}

// resume makes a core that holds proposals commit them.
var resume = requesttest.Resume{}

// Requests that were held back by replies in memory go on as soon as these have left.
func TestParkedRequestsGoOn(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{MaxQueuedBytes: 1})
	c := s.dial()
	versions := kmsg.NewPtrApiVersionsRequest()
	versions.Version = 2
	const count = 50
	var all []byte
	for i := range int32(count) {
		all = append(all, c.format.AppendRequest(nil, versions, i)...)
	}
	if _, err := c.Write(all); err != nil {
		t.Fatal(err)
	}
	for i := range int32(count) {
		c.receive(i, versions)
	}
}
