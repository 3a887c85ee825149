package kit

import (
	"sync"
	"time"
)

// workers is the real dispatcher: a goroutine for each actor that has something to do, taken from those that
// have just become free. A fresh goroutine for each turn would start with a small stack and copy it two or
// three times on its way down to the actor, which costs 1.5 µs, five times as much as the turn itself.
//
// Free workers wait in a stack, so that the ones at the bottom are those that nobody needs; a sweep lets
// them go. An idle system has no goroutines and no timer.
type workers struct {
	mu       sync.Mutex
	free     []*worker
	least    int         // how many have been free all the time since the last sweep
	sweeper  *time.Timer // nil while nobody is free
	finished bool
}

// worker waits for a turn. The channel holds one, so that handing it over never blocks; nil ends it.
type worker struct{ turns chan func() }

const (
	// maxFree bounds the stacks that free workers hold.
	maxFree = 256
	// sweepEvery bounds how long they hold them.
	sweepEvery = 100 * time.Millisecond
	// throughput bounds how long a busy actor keeps its worker: long enough that handing over costs nothing
	// per message, short enough that others run every few ten microseconds.
	throughput = 300
)

// Schedule implements Dispatcher.
func (p *workers) Schedule(_ Address, turn func()) {
	if w := p.take(); w != nil {
		w.turns <- turn
		return
	}
	w := &worker{turns: make(chan func(), 1)}
	go w.run(p, turn)
}

// Throughput implements Dispatcher.
func (p *workers) Throughput() int { return throughput }

func (p *workers) take() *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return nil
	}
	w := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	p.least = min(p.least, last)
	return w
}

func (w *worker) run(p *workers, turn func()) {
	for turn != nil {
		turn()
		if !p.keep(w) {
			return
		}
		turn = <-w.turns
	}
}

// keep makes a worker free, or returns false if it is not wanted.
func (p *workers) keep(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished || len(p.free) >= maxFree {
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
}
