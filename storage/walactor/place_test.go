package walactor_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// place is where the entries of placer lie.
const place = "/topics/place"

// placer writes down what it is asked, and writes entries one after the other into a file.
type placer struct {
	b     *bench
	calls []string
	err   error // of Sync
	end   int64
}

func newPlacer(b *bench) *placer {
	if err := vfs.MkdirAllSync(b.disk, "/topics"); err != nil {
		b.t.Fatal(err)
	}
	if err := vfs.WriteFileSync(b.disk, place, nil); err != nil {
		b.t.Fatal(err)
	}
	if err := b.disk.SyncDir("/topics"); err != nil {
		b.t.Fatal(err)
	}
	return &placer{b: b}
}

func (p *placer) Follow(u *wal.Update, round uint64, atLeast int) bool {
	p.calls = append(p.calls, fmt.Sprintf("round %d: %d entries, from %d bytes", round, len(u.Entries), atLeast))
	wrote := false
	file, err := p.b.disk.OpenReadWrite(place)
	if err != nil {
		p.b.t.Fatal(err)
	}
	defer file.Close()
	for i := range u.Entries {
		e := &u.Entries[i]
		if atLeast == 0 || len(e.Data) < atLeast {
			continue
		}
		if _, err := file.WriteAt(e.Data, p.end); err != nil {
			p.b.t.Fatal(err)
		}
		e.At = &wal.Location{File: place, Position: p.end}
		p.end += int64(len(e.Data))
		wrote = true
	}
	return wrote
}

func (p *placer) Sync() error {
	p.calls = append(p.calls, "sync")
	if p.err != nil {
		return p.err
	}
	file, err := p.b.disk.OpenReadWrite(place)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

func (p *placer) Forget() { p.calls = append(p.calls, "forget") }

func (p *placer) want(calls ...string) {
	p.b.t.Helper()
	if !slices.Equal(p.calls, calls) {
		p.b.t.Errorf("got calls %q, want %q", p.calls, calls)
	}
	p.calls = nil
}

func (b *bench) place(p *placer, u wal.Update, inline bool, token uint64) {
	b.log.Tell(walactor.Append{
		Update: u, ReplyTo: b.asker.Address, Token: token, Placer: p, Inline: inline,
	})
}

func (b *bench) wantAppended(tokens ...uint64) {
	b.t.Helper()
	for _, token := range tokens {
		if err := b.appended(token); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestAGroupNeedsEnoughInARound: what one group has of large entries decides, in all its updates of a round.
func TestAGroupNeedsEnoughInARound(t *testing.T) {
	b := newBench(t, 1)
	p, q := newPlacer(b), newPlacer(b)
	b.place(p, entries(1, 1, 20<<10, 20<<10, 20<<10), false, 1)
	b.place(q, entries(2, 1, 20<<10, 100, 20<<10), false, 2)
	b.place(q, entries(2, 4, 20<<10, 20<<10), false, 3)
	b.wantAppended(1, 2, 3)
	p.want("round 1: 3 entries, from 0 bytes")
	q.want("round 1: 3 entries, from 16384 bytes", "round 1: 2 entries, from 16384 bytes", "sync")
	b.place(p, entries(1, 4, 70<<10), true, 4)
	b.wantAppended(4)
	p.want("round 2: 1 entries, from 0 bytes")
	b.load(2, 5)
	at := 0
	for _, e := range b.loaded(5).Entries {
		if e.At != nil {
			at++
		}
	}
	if at != 4 {
		t.Errorf("got %d entries elsewhere, want the 4 large ones", at)
	}
}

// TestARoundSyncsFewFiles: those of the groups that have the most.
func TestARoundSyncsFewFiles(t *testing.T) {
	b := newBench(t, 1)
	placers := make([]*placer, 40)
	var tokens []uint64
	for i := range placers {
		placers[i] = newPlacer(b)
		size := 70 << 10
		if i%2 == 0 && i >= 20 {
			size = 80 << 10
		}
		b.place(placers[i], entries(wal.GroupID(i+1), 1, size), false, uint64(i))
		tokens = append(tokens, uint64(i))
	}
	b.wantAppended(tokens...)
	written := 0
	for i, p := range placers {
		wrote := p.end > 0
		if wrote {
			written++
		}
		if i%2 == 0 && i >= 20 && !wrote {
			t.Errorf("group %d has more than others, and wrote nothing", i+1)
		}
	}
	if written != 16 {
		t.Errorf("%d groups wrote, want 16", written)
	}
}

// TestDataIsSyncedBeforeTheFrameIsWritten: a frame never refers to what is not durable.
func TestDataIsSyncedBeforeTheFrameIsWritten(t *testing.T) {
	b := newBench(t, 1)
	p := newPlacer(b)
	b.inject = func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			p.calls = append(p.calls, "frame")
		}
		return nil
	}
	b.place(p, entries(1, 1, 70<<10), false, 1)
	b.wantAppended(1)
	p.want("round 1: 1 entries, from 16384 bytes", "sync", "frame")
}

// TestAFailedSyncElsewhereFailsTheLog: nothing is written that would refer to it, and nothing acknowledged.
func TestAFailedSyncElsewhereFailsTheLog(t *testing.T) {
	b := newBench(t, 1)
	p := newPlacer(b)
	p.err = vfs.ErrInjected
	written := 0
	b.inject = func(op vfs.Op) error {
		if op.Kind == vfs.OpWrite {
			written++
		}
		return nil
	}
	b.place(p, entries(1, 1, 70<<10), false, 1)
	b.append(entries(2, 1, 10), 2)
	for _, token := range []uint64{1, 2} {
		if err := b.appended(token); !errors.Is(err, walactor.ErrFailed) || !errors.Is(err, vfs.ErrInjected) {
			t.Errorf("got %v for %d, want the failure", err, token)
		}
	}
	if written > 0 {
		t.Errorf("%d writes to the log", written)
	}
	kittest.Expect[walactor.Failed](t, b.parent, second)
}

// TestEmbedTellsThePlacerWhenItIsDurable: and a group whose updates are refused has to Load first.
func TestEmbedTellsThePlacerWhenItIsDurable(t *testing.T) {
	b := newBench(t, 1)
	p := newPlacer(b)
	b.place(p, entries(1, 1, 70<<10, 80<<10), false, 1)
	b.wantAppended(1)
	p.calls = nil
	b.log.Tell(walactor.Embed{Group: 1, From: 2, Placer: p, ReplyTo: b.asker.Address, Token: 3})
	if m := kittest.Expect[walactor.Embedded](t, b.asker, second); m.Err != nil || m.Token != 3 || m.Group != 1 {
		t.Fatalf("got %+v", m)
	}
	p.want("forget")
	b.load(1, 4)
	if got := b.loaded(4).Entries; got[0].At == nil || got[1].At != nil || len(got[1].Data) != 80<<10 {
		t.Error("got something else than the second entry in the log")
	}
	b.place(p, entries(1, 9, 10), false, 5) // leaves a gap
	if err := b.appended(5); err == nil {
		t.Fatal("a gap was taken")
	}
	p.calls = nil
	b.log.Tell(walactor.Embed{Group: 1, From: 1, Placer: p, ReplyTo: b.asker.Address, Token: 6})
	if m := kittest.Expect[walactor.Embedded](t, b.asker, second); m.Err == nil {
		t.Error("a group that has to Load was served")
	}
	p.want()
}
