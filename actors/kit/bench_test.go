package kit_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// number is a message whose pointer form costs nothing to send again and again.
type number struct{ last bool }

func counter(mailbox kit.Mailbox, done chan<- struct{}) kit.Spec {
	s := spec(func(c *kit.Context) {
		switch m := c.Message().(type) {
		case *number:
			if m.last {
				done <- struct{}{}
			}
		case kit.Batch:
			for one := range m.All() {
				if one.(*number).last {
					done <- struct{}{}
				}
			}
		}
	})
	s.Mailbox = mailbox
	return s
}

// BenchmarkTell measures one message from the sender's call to the end of its handling, where one sender
// runs ahead of one receiver.
func BenchmarkTell(b *testing.B) { tell(b, newSystem) }

// BenchmarkTellWatched is the same where somebody looks for actors that are slow.
func BenchmarkTellWatched(b *testing.B) {
	tell(b, func(testing.TB) *kit.System { return newWatchedSystem(b) })
}

func tell(b *testing.B, newSystem func(testing.TB) *kit.System) {
	for name, mailbox := range map[string]kit.Mailbox{"OneByOne": kit.OneByOne, "Batched": kit.Batched(512)} {
		b.Run(name, func(b *testing.B) {
			done := make(chan struct{})
			a := newSystem(b).Spawn("a", counter(mailbox, done))
			message, last := &number{}, &number{last: true}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1000 == 999 { // keep the queue at the length of a busy day
					a.Tell(last)
					<-done
				} else {
					a.Tell(message)
				}
			}
		})
	}
}

// BenchmarkTellFromMany is the same with senders on all processors.
func BenchmarkTellFromMany(b *testing.B) {
	done := make(chan struct{}, 1)
	a := newSystem(b).Spawn("a", counter(kit.OneByOne, done))
	message := &number{}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a.Tell(message)
		}
	})
	a.Tell(&number{last: true})
	<-done
}

// BenchmarkPingPong measures a message to an idle actor and the answer, two turns of two actors.
func BenchmarkPingPong(b *testing.B) { pingPong(b, newSystem(b)) }

// BenchmarkPingPongWatched is the same where somebody looks for actors that are slow.
func BenchmarkPingPongWatched(b *testing.B) { pingPong(b, newWatchedSystem(b)) }

func newWatchedSystem(b *testing.B) *kit.System {
	s := kit.NewSystem(kit.SystemConfig{SlowAfter: time.Second})
	b.Cleanup(s.Shutdown)
	return s
}

func pingPong(b *testing.B, system *kit.System) {
	done := make(chan struct{})
	var left int
	message := &number{}
	pong := system.Spawn("pong", spec(func(c *kit.Context) {
		if m, ok := c.Message().(*exchange); ok {
			m.to.Tell(message)
		}
	}))
	var request *exchange
	ping := system.Spawn("ping", spec(func(c *kit.Context) {
		if _, ok := c.Message().(*number); ok {
			if left--; left < 0 {
				close(done)
				return
			}
			pong.Tell(request)
		}
	}))
	request = &exchange{to: ping}
	left = b.N
	b.ReportAllocs()
	b.ResetTimer()
	ping.Tell(message)
	<-done
}

type exchange struct{ to kit.Address }

// BenchmarkSpawnAndStop measures the whole life of a child that its parent spawns and stops.
func BenchmarkSpawnAndStop(b *testing.B) {
	next := make(chan struct{})
	child := spec(func(*kit.Context) {})
	parent := newSystem(b).Spawn("parent", spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case *number:
			c.Stop(c.Spawn("child", child))
		case kit.Terminated:
			next <- struct{}{}
		}
	}))
	message := &number{}
	b.ReportAllocs()
	for b.Loop() {
		parent.Tell(message)
		<-next
	}
}

func BenchmarkPending(b *testing.B) {
	var p kit.Pending[uint64, int]
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		p.Add(i, 1, epoch.Add(time.Duration(i)))
		if p.Len() > 1000 {
			p.Take(i - 500)
			p.Expire(epoch.Add(time.Duration(i - 900)))
		}
	}
}

func BenchmarkBudget(b *testing.B) {
	budget := kit.NewBudget(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		_ = budget.Acquire(b.Context(), 1000)
		budget.Release(1000)
	}
}

// TestIdleActorIsSmall measures the memory of idle actors that have handled a few messages, with everything
// that belongs to them. The limit is what 20,000 partitions can afford.
func TestIdleActorIsSmall(t *testing.T) {
	const actors, limit = 20_000, 1500
	if raceEnabled {
		t.Skip("the race detector makes everything larger")
	}
	system := newSystem(t)
	var born, heard sync.WaitGroup
	born.Add(actors)
	heard.Add(3 * actors)
	addresses := make([]kit.Address, 0, actors)
	child := spec(func(c *kit.Context) {
		switch c.Message().(type) {
		case kit.Started:
			born.Done()
		case *number:
			heard.Done()
		}
	})
	warmUp(actors)
	before := heap()
	system.Spawn("parent", spec(func(c *kit.Context) {
		if _, ok := c.Message().(kit.Started); ok {
			for i := range actors {
				addresses = append(addresses, c.Spawn(fmt.Sprintf("partition-some-topic-%d", i), child))
			}
		}
	}))
	born.Wait()
	message := &number{}
	for range 3 {
		for _, a := range addresses {
			a.Tell(message)
		}
	}
	heard.Wait()
	each := (heap() - before) / actors
	t.Logf("%d bytes per idle actor", each)
	if each > limit {
		t.Errorf("got %d bytes per idle actor, want at most %d", each, limit)
	}
	runtime.KeepAlive(addresses)
}

// warmUp has the runtime make as many goroutines as the actors may need when all start at once. It keeps
// their descriptors for ever and uses them again for everything, so they are not the cost of an idle actor.
func warmUp(goroutines int) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for range goroutines {
		all.Go(func() { <-gate })
	}
	close(gate)
	all.Wait()
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc // idle actors have no stacks
}
