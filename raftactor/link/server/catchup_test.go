package server_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/storage/wal"
)

func walGroup(n uint64) wal.GroupID { return wal.GroupID(n) }

// sharing makes servers share a source.
func sharing(source *pieces, err error) func(*server.Config, *link.Options) {
	return func(c *server.Config, _ *link.Options) {
		c.CatchUp = func(_ context.Context, from int32, group wal.GroupID, have []byte) (applier.Source, error) {
			if from != 1 || group != 5 || string(have) != "have" {
				return nil, errors.New("got another request")
			}
			if err != nil {
				return nil, err
			}
			return source, nil
		}
		c.CatchUps = 1
	}
}

func TestCatchUpBringsAllPieces(t *testing.T) {
	source := &pieces{left: 20, size: 1 << 20, closed: make(chan struct{})}
	a, _, _ := pair(t, sharing(source, nil))
	got, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for i := range 20 {
		piece, err := got.Next()
		if err != nil || len(piece) != 1<<20 || piece[0] != byte(19-i) {
			t.Fatalf("got %d bytes and %v for piece %d", len(piece), err, i)
		}
	}
	for range 2 {
		if _, err := got.Next(); err != io.EOF {
			t.Fatalf("got %v", err)
		}
	}
	<-source.closed
}

func TestCatchUpTellsWhyNot(t *testing.T) {
	var remote link.RemoteError
	a, _, _ := pair(t, sharing(nil, errBroken))
	if _, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have")); !errors.As(err, &remote) || remote.Text != errBroken.Error() {
		t.Fatalf("got %v", err)
	}
	if _, err := a.peers.CatchUp(t.Context(), 3, 5, nil); !errors.Is(err, link.ErrDown) {
		t.Fatalf("got %v", err)
	}
	source := &pieces{left: 2, size: 1000, fail: errBroken, closed: make(chan struct{})}
	c, _, _ := pair(t, sharing(source, nil))
	got, err := c.peers.CatchUp(t.Context(), 2, 5, []byte("have"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for range 2 {
		if _, err := got.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := got.Next(); !errors.As(err, &remote) || remote.Text != errBroken.Error() {
		t.Fatalf("got %v", err)
	}
}

func TestOnlySomeCatchUpAtOnce(t *testing.T) {
	source := &pieces{left: 1 << 20, size: 1 << 20, closed: make(chan struct{})}
	a, _, _ := pair(t, sharing(source, nil))
	first, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have")); !errors.Is(err, link.ErrBusy) {
		t.Fatalf("got %v", err)
	}
	first.Close() // in the middle: the other side gives the source back
	<-source.closed
}

func TestCatchUpEndsWithTheLink(t *testing.T) {
	source := &pieces{left: 1 << 20, size: 1 << 20, closed: make(chan struct{})}
	a, _, l := pair(t, sharing(source, nil))
	got, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	a.stop(l)
	for err == nil {
		_, err = got.Next()
	}
	if !errors.Is(err, link.ErrDown) {
		t.Fatalf("got %v", err)
	}
	<-source.closed
}

func TestCatchUpIsThrottled(t *testing.T) {
	source := &pieces{left: 20, size: 1 << 20, closed: make(chan struct{})}
	a, _, _ := pair(t, sharing(source, nil), func(c *server.Config, _ *link.Options) { c.Rate = 40 << 20 })
	begin := time.Now()
	got, err := a.peers.CatchUp(t.Context(), 2, 5, []byte("have"))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	for err == nil {
		_, err = got.Next()
	}
	if took := time.Since(begin); err != io.EOF || took < 300*time.Millisecond {
		t.Fatalf("got %v and 20 MiB after %v, want them to take 0.4 s", err, took)
	}
}
