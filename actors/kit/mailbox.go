package kit

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Mailbox says how an actor gets its messages. The zero value is OneByOne.
type Mailbox struct{ limit int }

// OneByOne hands over one message per turn.
var OneByOne = Mailbox{}

// Batched hands over all that waits, at most limit messages, as one Batch per turn. Lifecycle messages come
// alone.
func Batched(limit int) Mailbox { return Mailbox{limit: max(limit, 1)} }

// poison stops an actor when it reaches the head of its queue.
type poison struct{}

// spare is the largest buffer, in messages, that an idle mailbox keeps, and roomy the largest that a busy
// one keeps; what a burst has taken beyond goes back.
const (
	spare = 32
	roomy = 4096
)

// mailbox implements protoactor's Mailbox: first in first out, system messages first.
//
// Producers append to a slice under a lock; the consumer takes the slice whole and works it off without the
// lock. That is one short lock per message and no memory per message, against one allocation in the
// lock-free list that protoactor uses for system messages, and it makes the end of the mailbox simple:
//
// Every user message ends in exactly one of three ways. It is handed over; or close takes it out of the
// queue and it is refused; or post finds the mailbox closed and its sender refuses it. The lock decides.
//
// Only the consumer changes suspended and closed, so it may read them without the lock.
type mailbox struct {
	cell    *cell
	invoker actor.MessageInvoker
	turn    func() // run, bound once

	mu        sync.Mutex
	incoming  []any
	system    []any
	first     int // of system
	scheduled bool
	suspended bool
	closed    bool
	taken     uint64 // messages that turns have taken out of incoming

	urgent atomic.Bool // system is not empty; lets the consumer look without the lock

	// Owned by the consumer.
	current []any // what was taken
	next    int   // of current
	batch   *batch
}

func (m *mailbox) init(c *cell, limit int) {
	m.cell = c
	m.turn = m.run
	m.scheduled = true // until begin
	if limit > 0 {
		m.batch = &batch{limit: limit}
	}
}

// RegisterHandlers implements protoactor's Mailbox. The library's dispatcher is not used; ours also wants to
// know whose turn it is.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements protoactor's Mailbox. The first turn waits for begin.
func (m *mailbox) Start() {}

// begin allows the first turn, which handles Started. It comes after the actor has been entered in its
// parent's table, because a dispatcher may run the turn at once.
func (m *mailbox) begin() { m.schedule() }

func (m *mailbox) schedule() { m.cell.system.dispatcher.Schedule(Address{m.cell}, m.turn) }

// UserMessageCount implements protoactor's Mailbox: how many messages wait, not counting those that the turn
// under way has taken.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.incoming)
}

// PostUserMessage implements protoactor's Mailbox for a host application that sends by PID.
func (m *mailbox) PostUserMessage(message any) {
	_, message, _ = actor.UnwrapEnvelope(message)
	if _, ok := message.(*actor.PoisonPill); ok {
		message = poison{}
	}
	m.cell.deliver(message)
}

// post queues a message, or returns false if the mailbox is closed: the caller refuses it then.
func (m *mailbox) post(message any) bool {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return false
	}
	m.incoming = append(m.incoming, message)
	wake := !m.scheduled && !m.suspended
	m.scheduled = m.scheduled || wake
	m.mu.Unlock()
	if wake {
		m.schedule()
	}
	return true
}

// PostSystemMessage implements protoactor's Mailbox. It works after close too: an actor that is stopping
// waits for its children that way.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system = append(m.system, message)
	m.urgent.Store(true)
	wake := !m.scheduled
	m.scheduled = true
	m.mu.Unlock()
	if wake {
		m.schedule()
	}
}

// run is one turn. At most one is scheduled or running. Before a batch is taken, those who are ready to run
// go first: what they are about to send joins it, and a batch that is worth an fsync or a write to a socket
// grows with the load. While nobody is ready, nothing waits.
func (m *mailbox) run() {
	if m.batch != nil {
		runtime.Gosched()
	}
	budget := m.cell.system.dispatcher.Throughput()
	for m.work(&budget) {
	}
}

// work handles messages until there are none, the budget is used up, or one of them panics; only then is
// there more to do in this turn.
func (m *mailbox) work(budget *int) (more bool) {
	defer func() {
		if reason := recover(); reason != nil {
			m.fail(reason)
			more = true
		}
	}()
	for {
		urgent := m.urgent.Load()
		if !urgent && (m.suspended || m.next == len(m.current)) {
			if !m.refill() {
				return false
			}
			continue
		}
		if *budget == 0 {
			m.schedule()
			return false
		}
		*budget--
		if urgent {
			m.handleSystem()
		} else {
			m.handleUser()
		}
	}
}

// refill takes what has come in, or ends the turn and returns false. After that the mailbox may be running
// elsewhere already.
func (m *mailbox) refill() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.system) > m.first {
		return true
	}
	if m.suspended || len(m.incoming) == 0 {
		m.scheduled = false
		if !m.suspended {
			m.current, m.incoming, m.next = kept(m.current, spare), kept(m.incoming, spare), 0
		}
		return false
	}
	m.current, m.incoming, m.next = m.incoming, kept(m.current, roomy), 0
	m.taken += uint64(len(m.current))
	return true
}

// kept empties a buffer whose messages have all been taken out, and drops it if it is larger than limit.
func kept(buffer []any, limit int) []any {
	if cap(buffer) > limit {
		return nil
	}
	return buffer[:0]
}

func (m *mailbox) handleSystem() {
	switch message := m.takeSystem(); message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	case terminated:
		m.invoker.InvokeUserMessage(message)
	default:
		m.invoker.InvokeSystemMessage(message)
	}
}

func (m *mailbox) takeSystem() any {
	m.mu.Lock()
	defer m.mu.Unlock()
	message := m.system[m.first]
	m.system[m.first] = nil
	m.first++
	if m.first == len(m.system) {
		m.system, m.first = kept(m.system, spare), 0
		m.urgent.Store(false)
	}
	return message
}

func (m *mailbox) suspend(yes bool) {
	m.mu.Lock()
	m.suspended = yes
	m.mu.Unlock()
}

func (m *mailbox) handleUser() {
	if m.batch != nil {
		m.handleBatch()
		return
	}
	message := m.current[m.next]
	m.current[m.next] = nil
	m.next++
	if message = m.open(message); message != nil {
		m.invoker.InvokeUserMessage(message)
	}
}

// open returns what the actor gets to see of a queued message, nil if nothing.
func (m *mailbox) open(message any) any {
	switch message := message.(type) {
	case *timer:
		return message.ring()
	case poison:
		m.PostSystemMessage(stopMessage)
		return nil
	}
	return message
}

// fail ends a turn whose message made the actor panic. The failed actor handles nothing more: protoactor
// suspends the mailbox and tells the supervisor, which stops the actor, which closes the mailbox. The
// message itself is refused as if it had never been handled; what the actor knew of it is lost.
func (m *mailbox) fail(reason any) {
	c := m.cell
	message := c.context.message
	c.context.message = nil
	if b, ok := message.(Batch); ok {
		message = b.unhandled()
		m.endBatch()
	}
	c.phase, c.wrong().culprit = max(c.phase, failed), message
	c.reportPanic(reason, message)
	c.refuseFailed(message)
	m.suspend(true)
	m.invoker.EscalateFailure(reason, message)
}

// close refuses what was never handed over and everything that arrives later.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	late := m.incoming
	m.incoming = nil
	m.mu.Unlock()
	early := m.current[m.next:]
	m.current, m.next = nil, 0
	for _, message := range early {
		m.cell.undelivered(message)
	}
	for _, message := range late {
		m.cell.undelivered(message)
	}
}
