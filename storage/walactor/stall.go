package walactor

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// stallAfter is how long the disk may take before that is worth a line in the log.
const stallAfter = time.Second

// stallWatch reports a disk that does not answer, while it does not answer: the actor is blocked then and
// cannot. Its timer runs outside of the actor; it only logs.
type stallWatch struct {
	log     zerolog.Logger
	timer   *time.Timer
	begun   time.Time
	stalled atomic.Bool
}

func newStallWatch(log zerolog.Logger) *stallWatch {
	w := &stallWatch{log: log}
	w.timer = time.AfterFunc(time.Hour, w.report)
	w.timer.Stop()
	return w
}

// begin is called before the disk is asked for something.
func (w *stallWatch) begin() {
	w.begun = time.Now()
	w.timer.Reset(stallAfter)
}

// end is called when the disk has answered.
func (w *stallWatch) end() {
	w.timer.Stop()
	if w.stalled.Swap(false) {
		w.log.Warn().Dur("took", time.Since(w.begun)).Msg("disk answers again")
	}
}

// report runs in the timer's goroutine.
func (w *stallWatch) report() {
	w.stalled.Store(true)
	w.log.Warn().Dur("after", stallAfter).
		Msg("write-ahead log waits for the disk, nothing is committed meanwhile")
}

func (w *stallWatch) stop() { w.timer.Stop() }
