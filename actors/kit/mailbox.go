package kit

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Mailbox says how an actor gets its messages. The zero value is OneByOne.
type Mailbox struct{ batch int }

// OneByOne hands over one message per turn.
var OneByOne = Mailbox{}

// Batched hands over all that waits, at most limit messages, as one Batch per turn. Lifecycle messages come
// alone.
func Batched(limit int) Mailbox { return Mailbox{batch: max(limit, 1)} }

// Batch is one turn of a Batched mailbox. Messages is valid during the turn only.
type Batch struct{ Messages []any }

// mailbox is a first-in-first-out queue with system messages ahead of user messages. Producers append to a
// slice under a lock and the consumer takes the slice whole, so a busy actor costs one lock per turn and an
// idle one holds no buffer.
//
// Every message ends in exactly one of three ways: it is handed to the actor, or it is refused by close, or
// it is refused by post because the mailbox is closed. The lock decides which.
type mailbox struct {
	system     *System
	batch      int
	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher

	mu        sync.Mutex
	user      []any
	control   []any
	scheduled bool
	suspended bool
	closed    bool

	urgent atomic.Bool // control is not empty; read without the lock between two messages
	length atomic.Int64
	turn   []any // what the consumer took and has not handed over yet; consumer only
	spare  []any // buffer for the next swap; consumer only
}

func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

func (m *mailbox) Start()                {}
func (m *mailbox) UserMessageCount() int { return int(m.length.Load()) }

func (m *mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		m.system.refuse(message)
		return
	}
	m.user = append(m.user, message)
	m.length.Add(1)
	m.wake(!m.suspended)
}

func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.control = append(m.control, message)
	m.urgent.Store(true)
	m.wake(true)
}

// wake schedules a run unless one is under way. It is called with the lock held and releases it.
func (m *mailbox) wake(runnable bool) {
	schedule := runnable && !m.scheduled
	if schedule {
		m.scheduled = true
	}
	m.mu.Unlock()
	if schedule {
		m.dispatcher.Schedule(m.run)
	}
}

// run is the consumer. At most one is scheduled or running.
func (m *mailbox) run() {
	for turns := 0; ; turns++ {
		if turns == m.dispatcher.Throughput() {
			turns = 0
			runtime.Gosched()
		}
		if !m.step() {
			return
		}
	}
}

// step handles all control messages and then one turn, and tells whether to go on.
func (m *mailbox) step() bool {
	for {
		m.mu.Lock()
		if len(m.control) == 0 {
			break
		}
		message := m.control[0]
		m.control[0] = nil
		m.control = m.control[1:]
		if len(m.control) == 0 {
			m.control = nil
			m.urgent.Store(false)
		}
		m.mu.Unlock()
		m.handleControl(message)
	}
	if m.suspended || (len(m.turn) == 0 && len(m.user) == 0) {
		m.scheduled = false
		m.mu.Unlock()
		return false
	}
	if len(m.turn) == 0 {
		m.turn, m.user = m.user, m.spare[:0]
		m.spare = nil
	}
	m.mu.Unlock()
	m.handleTurn()
	return true
}

func (m *mailbox) handleControl(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.setSuspended(true)
	case *actor.ResumeMailbox:
		m.setSuspended(false)
	default:
		m.guard(message, func() { m.invoker.InvokeSystemMessage(message) })
	}
}

func (m *mailbox) setSuspended(suspended bool) {
	m.mu.Lock()
	m.suspended = suspended
	m.mu.Unlock()
}

// handleTurn hands over what was taken, until it is used up or a control message came in.
func (m *mailbox) handleTurn() {
	taken := m.turn
	for len(m.turn) > 0 && !m.urgent.Load() {
		message, n := m.next()
		m.turn = m.turn[n:]
		m.length.Add(int64(-n))
		m.guard(message, func() { m.invoker.InvokeUserMessage(message) })
	}
	if len(m.turn) == 0 {
		m.turn = nil
		clear(taken)
		if cap(taken) <= maxSpare {
			m.spare = taken[:0]
		}
		m.release()
	}
}

// maxSpare is the largest buffer, in messages, that is kept for the next turn.
const maxSpare = 1024

// release gives the buffer back when the actor falls idle.
func (m *mailbox) release() {
	m.mu.Lock()
	if len(m.user) == 0 {
		m.user, m.spare = nil, nil
	}
	m.mu.Unlock()
}

// next returns what the next turn gets, and how many messages that is.
func (m *mailbox) next() (any, int) {
	if m.batch == 0 || !batchable(m.turn[0]) {
		return m.turn[0], 1
	}
	n := 1
	for n < len(m.turn) && n < m.batch && batchable(m.turn[n]) {
		n++
	}
	return Batch{Messages: m.turn[:n:n]}, n
}

// batchable tells the messages of users from those of the framework that travel the same queue.
func batchable(message any) bool {
	switch message.(type) {
	case actor.AutoReceiveMessage, actor.SystemMessage, *actor.MessageEnvelope, ChildFailed:
		return false
	}
	return true
}

// guard runs a turn and turns a panic into a failure of the actor.
func (m *mailbox) guard(message any, turn func()) {
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(newFailure(reason), message)
		}
	}()
	turn()
}

// close refuses what was never handed over and everything that arrives later.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	rest := append(m.turn[:len(m.turn):len(m.turn)], m.user...)
	m.user, m.turn = nil, nil
	m.mu.Unlock()
	m.length.Store(0)
	for _, message := range rest {
		m.system.refuse(message)
	}
}
