package kit

import (
	"sync"
	"time"
)

// workers is the real dispatcher: a goroutine for each actor that has something to do, up to a bound, taken
// from those that have just become free. A fresh goroutine for each turn would start with a small stack and
// copy it two or three times on its way down to the actor, which costs 1.5 µs, five times as much as the
// turn itself.
//
// Free workers wait in a stack, so that the ones at the bottom are those that nobody needs; a sweep lets
// them go. An idle system has no goroutines and no timer.
type workers struct {
	mu       sync.Mutex
	busy     int   // workers that have a turn
	waiting  turns // while maxBusy have one
	free     []*worker
	least    int         // how many have been free all the time since the last sweep
	sweeper  *time.Timer // nil while nobody is free
	finished bool

	watchdog *watchdog            // nil: nobody looks
	all      map[*worker]struct{} // while somebody looks
}

// worker waits for a turn. The channel holds one, so that handing it over never blocks; nil ends it.
type worker struct {
	turns chan func()

	// What the watchdog looks at, under the lock of the workers.
	who    Address // whose turn it is; zero while it is free
	number uint64  // of the turn
	seen   sight
}

// turns is a queue.
type turns struct {
	list []task
	head int
}

// task is a turn and whose it is.
type task struct {
	who  Address
	turn func()
}

func (q *turns) push(one task) { q.list = append(q.list, one) }

// pop returns the oldest, or one without a turn.
func (q *turns) pop() task {
	if q.head == len(q.list) {
		return task{}
	}
	turn := q.list[q.head]
	q.list[q.head] = task{}
	if q.head++; q.head == len(q.list) || q.head >= 1024 && q.head > len(q.list)/2 {
		left := copy(q.list, q.list[q.head:])
		clear(q.list[left:])
		q.list, q.head = q.list[:left], 0
	}
	return turn
}

const (
	// maxBusy bounds the actors that run at once, and so the goroutines that wait for a processor: whoever
	// speaks to a peer or a client waits behind all of them, several times for one message, and with thousands
	// of actors at work the peers would take this node for dead. It is more than a disk serves at once, since
	// some actors wait for that in their turn.
	maxBusy = 64
	// sweepEvery bounds how long they hold them.
	sweepEvery = 100 * time.Millisecond
	// throughput bounds how long a busy actor keeps its worker: long enough that handing over costs nothing
	// per message, short enough that others run every few ten microseconds.
	throughput = 300
)

// Schedule implements Dispatcher.
func (p *workers) Schedule(who Address, turn func()) {
	w, fresh := p.take(task{who, turn})
	switch {
	case w == nil:
	case fresh:
		go w.run(p, turn)
	default:
		w.turns <- turn
	}
}

// Throughput implements Dispatcher.
func (p *workers) Throughput() int { return throughput }

// take returns a free worker for a turn, or a fresh one that is to be started, or lets the turn wait and
// returns none.
func (p *workers) take(one task) (w *worker, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy == maxBusy {
		p.waiting.push(one)
		return nil, false
	}
	p.busy++
	last := len(p.free) - 1
	if last < 0 {
		w = &worker{turns: make(chan func(), 1)}
		p.begin(w, one.who)
		return w, true
	}
	w = p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	p.least = min(p.least, last)
	p.begin(w, one.who)
	return w, false
}

// begin notes whose turn a worker has. The lock is held.
func (p *workers) begin(w *worker, who Address) {
	if p.watchdog == nil {
		return
	}
	if p.all == nil {
		p.all = make(map[*worker]struct{})
	}
	if w.number == 0 {
		p.all[w] = struct{}{}
	}
	w.who = who
	w.number++
	p.watchdog.wake()
}

func (w *worker) run(p *workers, turn func()) {
	for turn != nil {
		turn()
		next, wanted := p.next(w)
		switch {
		case next != nil:
			turn = next
		case wanted:
			turn = <-w.turns
		default:
			return
		}
	}
}

// next returns the turn that has waited the longest. If none waits, the worker is free, or not wanted any
// more.
func (p *workers) next(w *worker) (turn func(), wanted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.waiting.pop(); one.turn != nil {
		p.begin(w, one.who)
		return one.turn, true
	}
	p.busy--
	w.who = Address{}
	if wanted = p.keep(w); !wanted {
		delete(p.all, w)
	}
	return nil, wanted
}

// keep makes a worker free, or returns false if it is not wanted. The lock is held.
func (p *workers) keep(w *worker) bool {
	if p.finished {
		return false
	}
	p.free = append(p.free, w)
	if p.sweeper == nil {
		p.least = 0
		p.sweeper = time.AfterFunc(sweepEvery, p.sweep)
	}
	return true
}

// sweep lets those go that nobody has needed since the last sweep.
func (p *workers) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return // a sweep that was waiting for the lock while finish held it
	}
	p.dismiss(p.least)
	p.least = len(p.free)
	p.sweeper = nil
	if p.least > 0 {
		p.sweeper = time.AfterFunc(sweepEvery, p.sweep)
	}
}

// dismiss ends the n workers that have been free the longest. The lock is held.
func (p *workers) dismiss(n int) {
	for _, w := range p.free[:n] {
		w.turns <- nil
		delete(p.all, w)
	}
	left := copy(p.free, p.free[n:])
	clear(p.free[left:])
	p.free = p.free[:left]
}

// finish lets all free workers go, and those that are busy as soon as they are not.
func (p *workers) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
	p.dismiss(len(p.free))
	if p.sweeper != nil {
		p.sweeper.Stop()
	}
	if p.watchdog != nil {
		p.watchdog.stop()
	}
}
