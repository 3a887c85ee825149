package sim

import (
	"bytes"
	"io"

	"github.com/rs/zerolog"
)

// alarming are texts of log lines that say that an invariant is broken.
var alarming = [][]byte{[]byte("BUG: "), []byte("runtime error")}

// offline is said of a replica that is given up, which only a disk that has failed can be the reason for.
var offline = []byte("raft group is offline")

// ear reads what a node logs as errors.
type ear struct {
	life *life
	also io.Writer
}

// Write implements io.Writer, a line at a time.
func (e ear) Write(line []byte) (int, error) {
	w := e.life.node.world
	if e.also != nil {
		_, _ = e.also.Write(line) // it is for people
	}
	if e.life.dead {
		return len(line), nil
	}
	for _, text := range alarming {
		if bytes.Contains(line, text) {
			w.violate("node %d: %s", e.life.node.id, line)
		}
	}
	if bytes.Contains(line, offline) && !e.life.node.disk.wronged {
		w.violate("node %d: %s", e.life.node.id, line)
	}
	return len(line), nil
}

// logger listens to errors, and lets people read all if they want to.
func (l *life) logger() zerolog.Logger {
	w := l.node.world
	if w.options.log == nil {
		return zerolog.New(ear{life: l}).Level(zerolog.ErrorLevel)
	}
	at := zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Stringer("at", w.scheduler.now.Sub(epoch))
	})
	return zerolog.New(ear{l, w.options.log}).Level(zerolog.InfoLevel).With().Int32("node", l.node.id).Logger().Hook(at)
}
