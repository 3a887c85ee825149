package listener

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/storage/vfs"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

const patience = 20 * time.Second

// listen starts a listener and returns its address and who hears of it.
func listen(t *testing.T, o Options) (bound Bound, listener kit.Address, events *kittest.Probe) {
	b := requesttest.New(t, vfs.NewMem())
	sessions, memory := fetch.NewSessions(0, 1), kit.NewBudget(1<<20)
	events = kittest.NewProbe(b.System, "events")
	o.Name, o.Events, o.Log = "test", events.Address, zerolog.Nop()
	o.Shared = &conn.Shared{
		Env: b.Env, Budget: memory, Sessions: sessions, Metrics: conn.NewMetrics(nil, sessions, memory),
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	listener = b.System.Spawn("listener-test", Spec(o))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.System.StopAndWait(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	return kittest.Expect[Bound](t, events, patience), listener, events
}

// dial connects and reports whether the server keeps the connection.
func dial(t *testing.T, address net.Addr) (c net.Conn, kept bool) {
	t.Helper()
	c, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	request := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff} // ApiVersions 0
	if _, err := c.Write(request); err != nil {
		return c, false
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err = io.ReadFull(c, make([]byte, 8))
	return c, err == nil
}

func TestTooManyConnectionsAreClosedAtOnce(t *testing.T) {
	for name, o := range map[string]Options{"in all": {MaxConnections: 3}, "of one host": {MaxPerHost: 3}} {
		t.Run(name, func(t *testing.T) {
			bound, _, _ := listen(t, o)
			var clients []net.Conn
			for range 3 {
				c, kept := dial(t, bound.Addr)
				if !kept {
					t.Fatal("refused below the limit")
				}
				clients = append(clients, c)
			}
			if _, kept := dial(t, bound.Addr); kept {
				t.Fatal("accepted above the limit")
			}
			_ = clients[0].Close()
			deadline := time.Now().Add(patience)
			for {
				if _, kept := dial(t, bound.Addr); kept {
					return
				}
				if time.Now().After(deadline) {
					t.Fatal("refused below the limit, after one has gone")
				}
			}
		})
	}
}

func TestTakenAddressIsReported(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bound, _, _ := listen(t, Options{Address: taken.Addr().String()})
	if !errors.Is(bound.Err, syscall.EADDRINUSE) {
		t.Fatalf("got %+v", bound)
	}
}

func TestHeldListenerServesNobodyUntilItOpens(t *testing.T) {
	bound, listener, _ := listen(t, Options{Held: true})
	c, err := net.Dial("tcp", bound.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	listener.Tell(Open{})
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
}

func TestDrainWithoutConnectionsIsAnsweredAtOnce(t *testing.T) {
	bound, listener, events := listen(t, Options{})
	listener.Tell(Drain{Within: time.Hour, ReplyTo: events.Address})
	if got := kittest.Expect[Drained](t, events, patience); got.Name != "test" || got.Cut != 0 {
		t.Fatalf("got %+v", got)
	}
	if _, err := net.Dial("tcp", bound.Addr.String()); err == nil {
		t.Fatal("a drained listener accepts")
	}
	listener.Tell(Drain{Within: time.Hour, ReplyTo: events.Address})
	kittest.Expect[Drained](t, events, patience)
}

func TestDrainIsAnsweredByAListenerThatStops(t *testing.T) {
	bound, listener, events := listen(t, Options{})
	if _, kept := dial(t, bound.Addr); !kept {
		t.Fatal("refused")
	}
	listener.Tell(Drain{Within: time.Nanosecond, ReplyTo: events.Address})
	kittest.Expect[Drained](t, events, patience)
}

// noFiles is a listener of a process that has no file descriptor left.
type noFiles struct {
	net.Listener
	failures atomic.Int64
	limit    int64
}

func (l *noFiles) Accept() (net.Conn, error) {
	if l.failures.Add(1) > l.limit {
		return nil, net.ErrClosed
	}
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

// A failing accept is tried again after 5 ms, then after twice as long, up to a second: ten times take 2.275 s.
func TestFailingAcceptDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := kit.NewSystem(kit.SystemConfig{Name: "test"})
		defer system.Shutdown()
		events := kittest.NewProbe(system, "events")
		loop := &acceptor{listener: &noFiles{limit: 10}, to: events.Address, open: new(atomic.Int64), stop: make(chan struct{})}
		begun := time.Now()
		loop.run()
		want := (5+10+20+40+80+160+320+640)*time.Millisecond + 2*time.Second
		if took := time.Since(begun); took != want {
			t.Errorf("ten failures took %v, want %v", took, want)
		}
		for range 10 {
			kittest.Expect[acceptFailed](t, events, patience)
		}
		kittest.Expect[acceptEnded](t, events, patience)
	})
}
