package link

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/link/wire"
)

// onCall sends a call and remembers who waits for the answer.
func (a *Actor) onCall(c *kit.Context, m Call) {
	switch {
	case a.session == nil:
		m.Refuse(ErrDown)
		return
	case a.calls.Len() >= maxCalls:
		m.Refuse(ErrBusy)
		return
	case len(m.Body) > maxBody:
		m.Refuse(fmt.Errorf("call of %d bytes is larger than %d", len(m.Body), maxBody))
		return
	}
	if m.Timeout <= 0 {
		m.Timeout = DefaultTimeout
	}
	a.lastCall++
	item := wire.Item{
		Kind: wire.Call, Number: a.lastCall, Service: uint8(m.Service), Timeout: m.Timeout, Body: m.Body,
	}
	if !a.session.control.Add(item) {
		m.Refuse(ErrBusy)
		return
	}
	m.Body = nil // not needed any more; the table may keep the call for long
	a.calls.Add(a.lastCall, m, c.Now().Add(m.Timeout))
	a.watchCalls(c)
}

// watchCalls sees to it that expire comes when the first call has waited long enough. One that comes too
// early, or for nothing, does no harm.
func (a *Actor) watchCalls(c *kit.Context) {
	next := a.calls.Next()
	if a.calls.Len() == 0 || (!a.expiry.IsZero() && !next.Before(a.expiry)) {
		return
	}
	a.expiry = next
	c.After(next.Sub(c.Now()), expire{})
}

func (a *Actor) onExpire(c *kit.Context) {
	for _, call := range a.calls.Expire(c.Now()) {
		call.Refuse(ErrTimeout)
	}
	a.expiry = time.Time{}
	a.watchCalls(c)
}

// onReturned answers the asker, unless it has been told that the call took too long.
func (a *Actor) onReturned(m returned) {
	if call, waits := a.calls.Take(m.number); waits {
		call.ReplyTo.Tell(Returned{Token: call.Token, Body: m.body, Err: m.err})
	}
}

func (a *Actor) onNotice(m Notice) {
	item := wire.Item{Kind: wire.Notice, Service: uint8(m.Service), Body: m.Body}
	if a.session == nil || !a.session.control.Add(item) {
		a.peer.drops.Add(1)
	}
}
