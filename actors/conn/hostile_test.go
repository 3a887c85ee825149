package conn_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

func TestGarbageClosesTheConnection(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	for name, garbage := range map[string][]byte{
		"HTTP":          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"TLS":           {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03},
		"zero size":     {0, 0, 0, 0, 0, 0, 0, 0},
		"negative size": {0xff, 0xff, 0xff, 0xff, 1},
		"giant size":    {0x7f, 0xff, 0xff, 0xff, 1},
		"over limit":    {0x01, 0x00, 0x00, 0x01, 1},
		"short header":  {0, 0, 0, 3, 0, 0, 0},
	} {
		c := s.dial()
		if _, err := c.Write(garbage); err != nil {
			t.Fatal(name, err)
		}
		c.expectEnd()
	}
	if used := s.shared.Budget.Used(); used != 0 {
		t.Fatalf("garbage holds %d bytes of memory", used)
	}
}

// A client that announces a large request and sends a little of it holds a little of the budget.
func TestSlowSenderHoldsWhatItHasSent(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	const clients, announced, step = 16, 15 << 20, 4 << 10 // together more than three times the budget
	for range clients {
		c := s.dial()
		frame := binary.BigEndian.AppendUint32(nil, announced)
		if _, err := c.Write(append(frame, make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(func() bool { return s.shared.Budget.Used() >= clients*step })
	if used := s.shared.Budget.Used(); used > clients*step {
		t.Fatalf("%d clients that sent 1 KB each hold %d bytes", clients, used)
	}
	c := s.dial()
	if code := codeOf(t, c.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v")))); code != 0 {
		t.Fatal(code)
	}
}

func TestStalledRequestClosesTheConnection(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{MaxStall: 20 * time.Millisecond})
	c := s.dial()
	if _, err := c.Write([]byte{0, 0, 1, 0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	c.expectEnd()
}

func TestIdleConnectionCloses(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{MaxIdle: 50 * time.Millisecond})
	s.dial().expectEnd()
}

// A connection whose request is being answered is not idle.
func TestWaitingRequestKeepsTheConnection(t *testing.T) {
	const idle = time.Second // and more than a busy machine takes from the dial to the request
	s := serve(t, vfs.NewMem(), conn.Settings{MaxIdle: idle})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	r := fetchOf(12, "orders", 0, 0)
	r.MaxWaitMillis = int32(2 * idle.Milliseconds())
	if code := codeOf(t, c.roundTrip(r)); code != 0 {
		t.Fatal(code)
	}
}

// Requests larger than a step arrive whole, whatever pieces they come in.
func TestLargeRequestArrivesWhole(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, map[string]string{"max.message.bytes": "15000000"})
	c := s.dial()
	for i, size := range []int{70_000, 1 << 20, 9 << 20, 300_000} {
		got := c.roundTrip(produceOf(9, -1, "orders", 0, batchOf(string(make([]byte, size))))).(*kmsg.ProduceResponse)
		if p := got.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("%d bytes: %+v", size, p)
		}
	}
}

// Two clients that both want most of the memory get it one after the other.
func TestBudgetHoldsBackInsteadOfFailing(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, map[string]string{"max.message.bytes": "15000000"})
	if err := s.shared.Budget.Acquire(t.Context(), budget-10<<20); err != nil {
		t.Fatal(err)
	}
	defer s.shared.Budget.Release(budget - 10<<20)
	records := batchOf(string(make([]byte, 7<<20)))
	done := make(chan protocol.Code, 8)
	for range cap(done) {
		c := s.dial()
		go func() { done <- codeOf(t, c.roundTrip(produceOf(9, -1, "orders", 0, records))) }()
	}
	for range cap(done) {
		if code := <-done; code != 0 {
			t.Fatal(code)
		}
	}
}

// A client that never reads is not read from any more once enough replies wait, and everybody else goes on.
func TestNeverReadingClientHoldsOnlyItself(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{MaxQueuedBytes: 64 << 10, MaxWriteStall: 200 * time.Millisecond})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	_ = c.Conn.(*net.TCPConn).SetReadBuffer(4096)
	request := kmsg.NewPtrApiVersionsRequest()
	request.Version = 2
	one := c.format.AppendRequest(nil, request, 1)
	var many []byte
	for range 4096 {
		many = append(many, one...)
	}
	sent := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(many); err != nil {
				sent <- err
				return
			}
		}
	}()
	other := s.dial()
	if code := codeOf(t, other.roundTrip(produceOf(9, -1, "orders", 0, batchOf("v")))); code != 0 {
		t.Fatal(code)
	}
	select {
	case <-sent: // reset by the write deadline
	case <-time.After(patience):
		t.Fatal("a client that never reads is borne with for ever")
	}
}

// A client that shuts its sending side gets the replies to everything it has sent.
func TestHalfClosedClientGetsItsReplies(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	s.Cores["orders-0"].Hold.Store(true)
	c := s.dial()
	first := produceOf(9, -1, "orders", 0, batchOf("v"))
	poll := fetchOf(12, "orders", 0, 0)
	poll.MaxWaitMillis = 60_000
	a, b := c.send(first), c.send(poll)
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s.Eventually(func() bool { return s.Cores["orders-0"].Proposals.Load() == 1 })
	s.Replica("orders", 0).Core.Tell(resume)
	c.receive(a, first)
	c.receive(b, poll)
	c.expectEnd()
}

// A socket that goes away with requests in flight leaves nothing behind: close checks the budget.
func TestAbruptCloseGivesEverythingBack(t *testing.T) {
	s := serve(t, vfs.OS(), conn.Settings{})
	s.CreateTopic("orders", 2, nil)
	s.Append("orders", 1, string(make([]byte, 1<<20-1000)))
	s.Cores["orders-0"].Hold.Store(true)
	for i := range 20 {
		c := s.dial()
		for range 5 {
			c.send(produceOf(9, -1, "orders", 0, batchOf("v")))
			poll := fetchOf(12, "orders", 0, 0)
			poll.MaxWaitMillis, poll.SessionEpoch = 60_000, 0
			c.send(poll)
			c.send(fetchOf(12, "orders", 1, 0))
		}
		if i%2 == 0 {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
	}
}

// TestTenThousandConnections measures what an idle connection costs, and a consumer that waits for data. It
// takes as many as the process may have file descriptors for, two for each.
func TestTenThousandConnections(t *testing.T) {
	if os.Getenv("CHRONIK_MANY") == "" {
		t.Skip("set CHRONIK_MANY to run it")
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	count := min(10_000, (files.Cur-200)/2)
	before := memory()
	clients := make([]*client, 0, count)
	versions := kmsg.NewPtrApiVersionsRequest()
	for range count {
		c := s.dial()
		c.roundTrip(versions)
		clients = append(clients, c)
	}
	idle := (memory() - before) / count
	t.Logf("%d idle connections, %d bytes each, the client's side included", count, idle)
	if idle > 25<<10 {
		t.Errorf("an idle connection costs %d bytes, want at most 25 KiB", idle)
	}
	begun := time.Now()
	for _, c := range clients {
		c.roundTrip(versions)
	}
	t.Logf("a round trip over each takes %v", time.Since(begun)/time.Duration(count))
	poll := fetchOf(12, "orders", 0, 0)
	poll.MaxWaitMillis = 4 * long
	for _, c := range clients {
		c.send(poll)
	}
	s.waited("orders-0", int64(count))
	t.Logf("with a long poll, %d bytes each", (memory()-before)/count)
	begun = time.Now()
	s.Append("orders", 0, "v")
	for _, c := range clients {
		c.receive(c.last, poll)
	}
	t.Logf("one append reaches all of them within %v", time.Since(begun))
}

// memory returns the bytes of live heap and of goroutine stacks.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// A client that pipelines long polls without end is read from no further than its first few.
func TestPipelinedLongPollsAreBounded(t *testing.T) {
	s := serve(t, vfs.NewMem(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	c := s.dial()
	r := fetchOf(12, "orders", 0, 0)
	r.MaxWaitMillis = long
	const count = 100
	for range count {
		c.send(r)
	}
	s.waited("orders-0", 1)
	s.Append("orders", 0, "v")
	for i := range int32(count) {
		if code := codeOf(t, c.receive(i+1, r)); code != 0 {
			t.Fatal(code)
		}
	}
}

// A socket without a file descriptor is written to through memory.
func TestSocketWithoutDescriptor(t *testing.T) {
	s := serve(t, vfs.OS(), conn.Settings{})
	s.CreateTopic("orders", 1, nil)
	want := s.Append("orders", 0, string(make([]byte, 500_000)))
	near, far := net.Pipe()
	actor := s.System.Spawn("conn-pipe", conn.Spec(s.shared, far, "test", kittest.NoLog))
	c := &client{Conn: near, t: t, format: kmsg.NewRequestFormatter()}
	got := c.fetch(fetchOf(12, "orders", 0, 0)).Topics[0].Partitions[0]
	if !bytes.Equal(got.RecordBatches, want) {
		t.Fatalf("got %d bytes, want %d", len(got.RecordBatches), len(want))
	}
	_ = near.Close()
	if err := s.System.StopAndWait(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
}

// FuzzConnection feeds a connection with what nobody would send. It must end, and give back what it took.
func FuzzConnection(f *testing.F) {
	format := kmsg.NewRequestFormatter()
	for _, r := range []kmsg.Request{
		produceOf(9, -1, "orders", 0, batchOf("v")), produceOf(13, 0, "orders", 0, batchOf("v")),
		fetchOf(4, "orders", 0, 0), fetchOf(18, "orders", 0, 0), kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrMetadataRequest(),
	} {
		f.Add(format.AppendRequest(nil, r, 1))
	}
	s := serve(f, vfs.NewMem(), conn.Settings{MaxRequestBytes: 1 << 20})
	s.CreateTopic("orders", 1, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write(data) // the server may have closed already
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, err = io.Copy(io.Discard, c)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the connection does not end")
		}
		requesttest.Eventually(t, func() bool { return s.shared.Budget.Used() == 0 })
	})
}
