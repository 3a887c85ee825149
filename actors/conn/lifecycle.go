package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
)

// lingerTime is how long a client may take to close after we have shut our side. Closing at once would make
// the kernel reset the connection if the client has sent anything more, and throw away replies on their way.
const lingerTime = time.Second

// proceed does after every turn what has become possible: it sends replies, begins parked requests, and
// ends a connection that has nothing left to do.
func (a *Actor) proceed(c *kit.Context) {
	if a.phase == closed {
		a.maybeStop(c)
		return
	}
	for {
		a.unpark(c)
		a.maybeFlush(c)
		if len(a.parked) == 0 || a.phase >= lingering || a.full() {
			break
		}
	}
	if a.phase == draining && a.idle() {
		a.linger(c)
	}
	if a.phase == closed {
		a.maybeStop(c)
	}
}

// unpark begins parked requests as far as the bounds allow. What the writer then sends may make room for
// more.
func (a *Actor) unpark(c *kit.Context) {
	a.collect()
	for len(a.parked) > 0 && a.phase < lingering && !a.full() {
		next := a.parked[0]
		a.parked[0] = received{}
		a.parked = a.parked[1:]
		a.begin(c, next)
		a.collect()
	}
	if len(a.parked) == 0 {
		a.parked = nil
	}
}

// idle tells whether every request that was taken has its reply on the wire.
func (a *Actor) idle() bool {
	return a.slots.count() == 0 && len(a.parked) == 0 && len(a.ready) == 0 && !a.writing
}

// collect takes the replies whose turn it is and lets the reader go on.
func (a *Actor) collect() {
	for {
		frame, ok := a.slots.take()
		if !ok {
			return
		}
		a.ready = append(a.ready, frame)
		<-a.credits
	}
}

// maybeFlush sends the ready replies if the writer is idle.
func (a *Actor) maybeFlush(c *kit.Context) {
	if a.writing || len(a.ready) == 0 || a.phase == closed {
		return
	}
	a.replied = true
	before := memoryOf(a.ready...)
	left, err := a.writer.now(a.ready)
	if err != nil {
		a.close(c, endedByWrite, err)
		return
	}
	if len(left) == 0 {
		a.queued -= before
		clear(a.ready)
		a.ready = a.ready[:0]
		return
	}
	a.ready = nil
	a.writing = true
	go a.writer.run(c.Self(), left, before)
}

// spliceCost is what a piece of a file counts for among the replies in memory: it keeps a file open.
const spliceCost = 4 << 10

// memoryOf returns how much frames count for among the replies in memory.
func memoryOf(frames ...fetch.Frame) (bytes int64) {
	for i := range frames {
		bytes += int64(len(frames[i].Bytes) + spliceCost*len(frames[i].Splices))
	}
	return bytes
}

func (a *Actor) onFlushed(c *kit.Context, m flushed) {
	a.writing = false
	a.queued -= m.bytes
	if m.err != nil {
		a.close(c, endedByWrite, m.err)
	}
}

// onReadEnded ends the connection. A client that has only shut its sending side still gets the replies to
// what it sent.
func (a *Actor) onReadEnded(c *kit.Context, m readEnded) {
	a.reading = false
	switch {
	case errors.Is(m.err, io.EOF) && a.phase == serving:
		a.drain(c, a.settings.HalfCloseTimeout)
	case a.phase == lingering:
		a.close(c, endedDrained, nil)
	case a.phase == draining && errors.Is(m.err, io.EOF):
	default:
		a.close(c, reasonOf(m.err), m.err)
	}
}

// reasonOf says under which reason a read error is counted.
func reasonOf(err error) string {
	var stranger *strangerError
	switch {
	case errors.As(err, &stranger):
		return endedGarbage
	case errors.Is(err, errNoMemory):
		return endedNoMemory
	case errors.Is(err, os.ErrDeadlineExceeded):
		return endedIdle
	case errors.Is(err, errReader):
		return endedByFailure
	}
	return endedByClient
}

// drain stops beginning requests. What waits for data is answered with what there is.
func (a *Actor) drain(c *kit.Context, within time.Duration) {
	if a.phase != serving {
		return
	}
	a.phase = draining
	a.fetcher.Tell(fetch.Finish{})
	a.timer = c.After(within, patienceEnded{})
}

// linger shuts our side and waits for the client to close its own.
func (a *Actor) linger(c *kit.Context) {
	if !a.replied {
		Reset(a.socket)
		a.close(c, endedDrained, nil)
		return
	}
	half, ok := a.socket.(interface{ CloseWrite() error })
	if !ok || !a.reading || half.CloseWrite() != nil {
		a.close(c, endedDrained, nil)
		return
	}
	a.phase = lingering
	a.timer.Stop()
	a.timer = c.After(lingerTime, patienceEnded{})
}

// Reset makes the close of a socket a reset of the connection. A client takes an end of the stream in place
// of its first reply for a sign that it speaks another protocol than the broker, and some give up; after a
// reset they come again. Nothing is lost: there is no reply on its way.
func Reset(socket net.Conn) {
	if tcp, ok := socket.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // it fails only on a socket that is closed
	}
}

// close ends the connection at once. The actor stops when reader and writer have noticed.
func (a *Actor) close(c *kit.Context, reason string, err error) {
	if a.phase == closed {
		return
	}
	a.phase = closed
	a.shared.Metrics.ended.WithLabelValues(reason).Inc()
	c.Log().Debug().Err(err).Str("reason", reason).Msg("connection closed")
	for _, child := range c.Children() {
		c.Stop(child)
	}
	a.release()
}

// release gives back everything the connection holds, once.
func (a *Actor) release() {
	a.end()
	_ = a.socket.Close() // there is nobody to tell
	if a.timer != nil {
		a.timer.Stop()
	}
	a.slots.each(func(one *slot) {
		if one.pending.cost != nil {
			one.pending.cost.release()
		}
		one.reply.Release()
	})
	a.slots, a.held = slots{}, nil
	for i := range a.parked {
		a.parked[i].cost.release()
	}
	a.parked = nil
	for i := range a.ready {
		a.ready[i].Release()
	}
	a.ready = nil
}

// maybeStop ends the actor once its goroutines have ended.
func (a *Actor) maybeStop(c *kit.Context) {
	if !a.reading && !a.writing {
		c.Stop(c.Self())
	}
}

// onStopping also comes when the actor has failed or was stopped from above, in any state.
func (a *Actor) onStopping() {
	a.shared.Metrics.connections.Dec()
	if a.phase != closed {
		a.phase = closed
		a.shared.Metrics.ended.WithLabelValues(endedByFailure).Inc()
		a.release()
	}
}
