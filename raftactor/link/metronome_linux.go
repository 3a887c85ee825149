package link

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// metronome ticks on a timer of the system. One of the runtime would be late by up to a millisecond and wake
// twice for it, since the runtime sleeps for whole milliseconds: a little too short at first, and then again.
type metronome struct{ file *os.File }

// newMetronome returns one that ticks first after a time, and then again and again.
func newMetronome(first, every time.Duration) (*metronome, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	m := &metronome{os.NewFile(uintptr(fd), "timer")}
	spec := unix.ItimerSpec{
		Value: unix.NsecToTimespec(int64(first)), Interval: unix.NsecToTimespec(int64(every)),
	}
	if err := unix.TimerfdSettime(fd, 0, &spec, nil); err != nil {
		m.stop()
		return nil, fmt.Errorf("set a timer: %w", err)
	}
	return m, nil
}

// wait returns at the next tick, or false after stop. Ticks that came while nobody waited are one.
func (m *metronome) wait() bool {
	var count [8]byte
	_, err := m.file.Read(count[:])
	return err == nil
}

func (m *metronome) stop() { _ = m.file.Close() } // a timer has nothing to lose
