package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/chronik-go/chronik/actors/kit/kittest"
)

func TestMain(m *testing.M) { kittest.VerifyMain(m) }

func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	network := New()
	l, err := network.Listen(t.Context(), "tcp", "host:1")
	if err != nil {
		t.Fatal(err)
	}
	if client, err = network.DialContext(t.Context(), "tcp", "host:1"); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// TestConnectionsBehaveAsThoseOfTheKernel runs the tests that golang.org/x/net has for every net.Conn.
func TestConnectionsBehaveAsThoseOfTheKernel(t *testing.T) {
	nettest.TestConn(t, func() (one, other net.Conn, stop func(), err error) {
		one, other = connected(t)
		return one, other, func() {
			_ = one.Close()
			_ = other.Close()
		}, nil
	})
}

func TestSlowReaderHoldsItsWriterBack(t *testing.T) {
	client, server := connected(t)
	sent := bytes.Repeat([]byte("0123456789"), 50_000)
	done := make(chan error, 1)
	go func() {
		_, err := client.Write(sent)
		done <- errors.Join(err, client.(*conn).CloseWrite())
	}()
	select {
	case err := <-done:
		t.Fatalf("got %v, want a writer that waits for its reader", err)
	case <-time.After(20 * time.Millisecond): // for what must not happen
	}
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) || <-done != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if _, err := server.Write([]byte("answer")); err != nil {
		t.Errorf("got %v after the other side has only stopped sending", err)
	}
	_ = client.Close()
	if _, err := server.Write([]byte("more")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the end", err)
	}
}

func TestAddressesAreTakenAndFreed(t *testing.T) {
	network, ctx := New(), t.Context()
	if _, err := network.DialContext(ctx, "tcp", "host:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refusal", err)
	}
	first, err := network.Listen(ctx, "tcp", "host:0")
	if err != nil {
		t.Fatal(err)
	}
	at := first.Addr().String()
	if _, err := network.Listen(ctx, "tcp", at); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want the address to be taken", err)
	}
	waiting, err := network.DialContext(ctx, "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of a connection that nobody accepted", err)
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want a closed listener", err)
	}
	again, err := network.Listen(ctx, "tcp", at)
	if err != nil {
		t.Errorf("got %v, want the address to be free again", err)
	}
	_ = again.Close()
}

func TestFullBacklogEndsWithTheContext(t *testing.T) {
	network := New()
	l, err := network.Listen(t.Context(), "tcp", "host:1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for range backlog {
		if _, err := network.DialContext(t.Context(), "tcp", "host:1"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := network.DialContext(ctx, "tcp", "host:1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

func TestDeadlineInThePast(t *testing.T) {
	client, _ := connected(t)
	_ = client.SetDeadline(time.Now().Add(-time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}
