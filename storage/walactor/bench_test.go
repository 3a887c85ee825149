package walactor_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// BenchmarkGroupCommit has groups append 1 KB at a time, each waiting for its answer before the next, on the
// real disk. One operation is one durable append.
func BenchmarkGroupCommit(b *testing.B) {
	for _, groups := range []int{1, 16, 256, 4096} {
		b.Run(fmt.Sprint(groups), func(b *testing.B) { benchmarkGroups(b, groups) })
	}
}

func benchmarkGroups(b *testing.B, groups int) {
	w, err := wal.Open(vfs.OS(), b.TempDir(), wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	system := kit.NewSystem(kit.SystemConfig{})
	defer system.Shutdown()
	log := system.Spawn("wal", walactor.Spec(walactor.Config{WAL: w, Log: zerolog.Nop()}))
	left, done := &atomic.Int64{}, make(chan struct{})
	left.Store(int64(b.N))
	clients := make([]kit.Address, groups)
	for i := range clients {
		c := &benchClient{group: wal.GroupID(i + 1), log: log, left: left, done: done, data: make([]byte, 1000)}
		clients[i] = system.Spawn(fmt.Sprintf("client-%d", i), kit.Spec{New: func() kit.Actor { return c }})
	}
	b.SetBytes(1000)
	b.ReportAllocs()
	b.ResetTimer()
	for _, c := range clients {
		c.Tell(walactor.Appended{})
	}
	<-done
	b.StopTimer()
	if err := system.StopAndWait(b.Context(), log); err != nil {
		b.Fatal(err)
	}
}

// benchClient appends again as soon as it has been answered, with a checkpoint now and then.
type benchClient struct {
	group wal.GroupID
	log   kit.Address
	left  *atomic.Int64
	done  chan struct{}
	data  []byte
	index uint64
}

// Receive implements kit.Actor.
func (g *benchClient) Receive(c *kit.Context) {
	if _, ok := c.Message().(walactor.Appended); !ok {
		return
	}
	switch left := g.left.Add(-1); {
	case left == -1:
		close(g.done)
		return
	case left < -1:
		return
	}
	u := wal.Update{Group: g.group}
	if g.index%50 == 49 {
		u.Checkpoint = &wal.Checkpoint{Index: g.index, Term: 1}
	}
	g.index++
	u.Entries = []wal.Entry{{Term: 1, Index: g.index, Data: g.data}}
	g.log.Tell(walactor.Append{Update: u, ReplyTo: c.Self()})
}

// BenchmarkAppendBesideALoad appends a record at a time while a group with 64 MB of entries is read back, again
// and again. One operation is one durable append; the longest one is told as well.
func BenchmarkAppendBesideALoad(b *testing.B) {
	w, err := wal.Open(vfs.NewMem(), dir, wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	system := kit.NewSystem(kit.SystemConfig{})
	defer system.Shutdown()
	log := system.Spawn("wal", walactor.Spec(walactor.Config{WAL: w, Log: zerolog.Nop()}))
	answers := make(chan any, 1)
	asker := kit.AddressFor("asker", func(m any) { answers <- m })
	write := func(u wal.Update) {
		log.Tell(walactor.Append{Update: u, ReplyTo: asker})
		if m := (<-answers).(walactor.Appended); m.Err != nil {
			b.Fatal(m.Err)
		}
	}
	for i := range uint64(64) {
		write(entries(1, i+1, 1<<20))
	}
	loads, loaded := &atomic.Int64{}, kit.Address{}
	loaded = kit.AddressFor("loaded", func(m any) {
		if m.(walactor.Loaded).Err != nil {
			return // it is over
		}
		loads.Add(1)
		log.Tell(walactor.Load{Group: 1, ReplyTo: loaded})
	})
	log.Tell(walactor.Load{Group: 1, ReplyTo: loaded})
	longest, index := time.Duration(0), uint64(0)
	for b.Loop() {
		begun := time.Now()
		index++
		write(entries(2, index, 100))
		longest = max(longest, time.Since(begun))
	}
	b.ReportMetric(float64(longest.Microseconds()), "longest-µs")
	b.ReportMetric(float64(loads.Load())/b.Elapsed().Seconds(), "loads/s")
}
