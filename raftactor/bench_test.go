package raftactor

import (
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// idle is a machine that does nothing, and its own Preparer.
type idle struct{ results []any }

func (m *idle) Apply(entries []applier.Entry) ([]any, error) {
	for len(m.results) < len(entries) {
		m.results = append(m.results, nil)
	}
	return m.results[:len(entries)], nil
}

func (m *idle) Prepare(request any) applier.Prepared {
	return applier.Prepared{Data: request.([]byte)}
}

func (m *idle) Lead(uint64) applier.Preparer { return m }
func (m *idle) Capture() (func() ([]byte, error), error) {
	return func() ([]byte, error) { return []byte{1}, nil }, nil
}
func (m *idle) Checkpointed([]byte) {}
func (m *idle) Close()              {}

func (m *idle) Have() []byte                         { return nil }
func (m *idle) Share([]byte) (applier.Source, error) { return &lines{}, nil }
func (m *idle) Restore([]byte, bool) error           { return nil }
func (m *idle) Restored() ([]byte, error)            { return []byte{1}, nil }

func openIdle([]byte, bool) (applier.Machine, error) { return new(idle), nil }

// fakeWAL answers at once and keeps nothing.
func fakeWAL(m any) {
	switch m := m.(type) {
	case walactor.Load:
		m.ReplyTo.Tell(walactor.Loaded{Group: m.Group, Token: m.Token})
	case walactor.Append:
		m.ReplyTo.Tell(walactor.Appended{Group: m.Update.Group, Token: m.Token})
	}
}

func newBenchSystem(b testing.TB) *kit.System {
	system := kit.NewSystem(kit.SystemConfig{Logger: zerolog.Nop()})
	b.Cleanup(system.Shutdown)
	return system
}

func newFakeWAL(testing.TB, *kit.System) kit.Address { return kit.AddressFor("wal", fakeWAL) }

// newMemWAL is the real thing on a disk in memory.
func newMemWAL(b testing.TB, system *kit.System) kit.Address {
	return openWAL(b, system, vfs.NewMem(), "/wal")
}

// newDiskWAL is the real thing, with real fsyncs.
func newDiskWAL(b testing.TB, system *kit.System) kit.Address {
	return openWAL(b, system, vfs.OS(), filepath.Join(b.TempDir(), "wal"))
}

func openWAL(b testing.TB, system *kit.System, fs vfs.FS, dir string) kit.Address {
	log, err := wal.Open(fs, dir, wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return system.Spawn("wal", walactor.Spec(walactor.Config{WAL: log, Log: zerolog.Nop()}))
}

// startReady starts groups 1 to n and waits until all are ready.
func startReady(host kit.Address, n int) []kit.Address {
	var ready, started sync.WaitGroup
	ready.Add(n)
	started.Add(n)
	cores := make([]kit.Address, n)
	events := kit.AddressFor("events", func(m any) {
		if change, ok := m.(group.LeaderChanged); ok && change.Ready {
			ready.Done()
		}
	})
	replies := kit.AddressFor("replies", func(m any) {
		s := m.(Started)
		cores[s.Group-1] = s.Core
		started.Done()
	})
	for i := range n {
		host.Tell(Start{ReplyTo: replies, Spec: Spec{
			Group: wal.GroupID(i + 1), Name: strconv.Itoa(i + 1), Replica: 1, Voters: []uint64{1},
			Open: openIdle, Events: events,
		}})
	}
	started.Wait()
	ready.Wait()
	return cores
}

// benchmarkPropose has one asker that keeps a number of proposals under way.
func benchmarkPropose(b *testing.B, store func(testing.TB, *kit.System) kit.Address, size, underWay int) {
	system := newBenchSystem(b)
	host := system.Spawn("raft", HostSpec(Config{WAL: store(b, system), Log: zerolog.Nop()}))
	core := startReady(host, 1)[0]
	slots := make(chan struct{}, underWay)
	for range underWay {
		slots <- struct{}{}
	}
	client := kit.AddressFor("client", func(m any) {
		if err := m.(group.Proposed).Err; err != nil {
			panic(err)
		}
		slots <- struct{}{}
	})
	data := make([]byte, size)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	for range b.N {
		<-slots
		core.Tell(group.Propose{Request: data, ReplyTo: client})
	}
	for range underWay {
		<-slots
	}
}

func BenchmarkProposeFakeWAL(b *testing.B) {
	b.Run("1", func(b *testing.B) { benchmarkPropose(b, newFakeWAL, 100, 1) })
	b.Run("100", func(b *testing.B) { benchmarkPropose(b, newFakeWAL, 100, 100) })
	b.Run("1000", func(b *testing.B) { benchmarkPropose(b, newFakeWAL, 100, 1000) })
}

func BenchmarkProposeMemWAL(b *testing.B) {
	b.Run("1", func(b *testing.B) { benchmarkPropose(b, newMemWAL, 100, 1) })
	b.Run("100", func(b *testing.B) { benchmarkPropose(b, newMemWAL, 100, 100) })
	b.Run("1000", func(b *testing.B) { benchmarkPropose(b, newMemWAL, 100, 1000) })
	b.Run("64KB", func(b *testing.B) { benchmarkPropose(b, newMemWAL, 64<<10, 32) })
}

func BenchmarkProposeDisk(b *testing.B) {
	b.Run("1", func(b *testing.B) { benchmarkPropose(b, newDiskWAL, 100, 1) })
	b.Run("1000", func(b *testing.B) { benchmarkPropose(b, newDiskWAL, 100, 1000) })
	b.Run("64KB", func(b *testing.B) { benchmarkPropose(b, newDiskWAL, 64<<10, 32) })
}

// benchmarkGroups starts groups that found themselves, elect and become ready, and measures what an idle
// one costs.
func benchmarkGroups(b *testing.B, store func(testing.TB, *kit.System) kit.Address) {
	const groups = 10_000
	for range b.N {
		system := newBenchSystem(b)
		host := system.Spawn("raft", HostSpec(Config{WAL: store(b, system), Log: zerolog.Nop()}))
		before := heap()
		begun := time.Now()
		cores := startReady(host, groups)
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/start")
		b.ReportMetric(float64(heap()-before)/groups, "B/group")
		runtime.KeepAlive(cores)
		system.Shutdown()
	}
}

// BenchmarkTenThousandGroups: with the fake log the bytes are those of core, applier, raft and their actors;
// the other one adds the log's own table, and its files, which are in memory here.
func BenchmarkTenThousandGroups(b *testing.B) {
	b.Run("fake", func(b *testing.B) { benchmarkGroups(b, newFakeWAL) })
	b.Run("mem", func(b *testing.B) { benchmarkGroups(b, newMemWAL) })
	b.Run("disk", func(b *testing.B) { benchmarkGroups(b, newDiskWAL) })
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
