package walactor_test

import (
	"errors"
	"testing"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage/walactor"
)

// long is a group with more than a turn reads.
const long, pieces = 1, 8

func newLongBench(t *testing.T) *bench {
	b := newBench(t, 1)
	for i := range uint64(pieces) {
		b.append(entries(long, i+1, 1<<20), i)
		if err := b.appended(i); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// A group that has much to read holds nobody up: what comes while it is read is committed in between, and is not
// part of what it gets.
func TestALongLoadLetsOthersCommit(t *testing.T) {
	b := newLongBench(t)
	b.load(long, 100)
	b.load(2, 101) // waits behind it
	var order []any
	step := func(m any) { order = append(order, m) }
	b.log.Tell(walactor.Append{
		Update: entries(2, 1, 10), Token: 102, ReplyTo: kit.AddressFor("other", func(m any) {
			step(m)
			b.log.Tell(walactor.Append{
				Update: entries(long, pieces+1, 10), Token: 103, ReplyTo: kit.AddressFor("later", step),
			})
		}),
	})
	b.log.Tell(walactor.Load{Group: long, Token: 104, ReplyTo: kit.AddressFor("first", step)})
	state := b.loaded(100)
	if got := len(state.Entries); got != pieces {
		t.Errorf("got %d entries, want the %d that were there before", got, pieces)
	}
	if unknown := kittest.Expect[walactor.Loaded](t, b.asker, second); unknown.Token != 101 || unknown.Found {
		t.Errorf("got %+v, want that there was no such group then", unknown)
	}
	b.Run()
	if len(order) != 3 {
		t.Fatalf("got %d answers, want three", len(order))
	}
	for i, token := range []uint64{102, 103} {
		if got, is := order[i].(walactor.Appended); !is || got.Token != token || got.Err != nil {
			t.Errorf("got %+v, want append %d before the second load has been read", order[i], token)
		}
	}
	if got, is := order[2].(walactor.Loaded); !is || len(got.State.Entries) != pieces {
		t.Errorf("got %T of %d entries, want %d", order[2], len(got.State.Entries), pieces)
	}
}

// Whoever waits for a load is told when the log stops.
func TestALoadUnderWayIsRefusedAtTheEnd(t *testing.T) {
	b := newLongBench(t)
	b.load(long, 100)
	b.Step()
	b.System.Stop(b.log)
	m := kittest.Expect[walactor.Loaded](t, b.asker, second)
	if m.Token != 100 || !errors.Is(m.Err, kit.ErrStopped) {
		t.Errorf("got %+v, want ErrStopped", m)
	}
	b.asker.ExpectNone(t)
}
