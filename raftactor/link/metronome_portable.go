//go:build !linux

package link

import "time"

// metronome ticks on a timer of the runtime.
type metronome struct {
	timer *time.Timer
	every time.Duration
	done  chan struct{}
}

// newMetronome returns one that ticks first after a time, and then again and again.
func newMetronome(first, every time.Duration) (*metronome, error) {
	return &metronome{timer: time.NewTimer(first), every: every, done: make(chan struct{})}, nil
}

// wait returns at the next tick, or false after stop. Ticks that came while nobody waited are one.
func (m *metronome) wait() bool {
	select {
	case <-m.timer.C:
		m.timer.Reset(m.every)
		return true
	case <-m.done:
		return false
	}
}

func (m *metronome) stop() {
	m.timer.Stop()
	close(m.done)
}
