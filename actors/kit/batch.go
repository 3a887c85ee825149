package kit

import "iter"

// Batch is one turn of a Batched mailbox. It is valid during the turn only. Its field Messages []any holds
// what came, oldest first.
//
// When the actor panics, kit refuses the messages that All has not passed yet, beginning with the one it
// stands at. An actor that ranges over Messages itself instead gets all of them refused: right for those
// that answer everything at the end of the turn, or whose askers ignore a second answer to their token.
type Batch struct {
	*batch // one pointer, so that putting a Batch into an interface costs no memory
}

type batch struct {
	Messages []any
	limit    int
	handled  int // messages that All has passed
	trap     *trap
	trapAt   int // the message that the trap waits for
}

// BatchOf returns a Batch of the messages, for tests of code that takes one.
func BatchOf(messages ...any) Batch { return Batch{&batch{Messages: messages}} }

// All returns the messages in order and keeps account of which have been handled: those before the one that
// the loop stands at.
func (b Batch) All() iter.Seq[any] {
	return func(yield func(any) bool) {
		for b.handled < len(b.Messages) {
			if b.trap != nil && b.handled == b.trapAt && b.handled > 0 {
				b.trap.spring()
			}
			if !yield(b.Messages[b.handled]) {
				return
			}
			b.handled++
		}
	}
}

// unhandled returns a copy of what All has not passed.
func (b Batch) unhandled() Batch {
	return BatchOf(append([]any(nil), b.Messages[b.handled:]...)...)
}

// handleBatch hands over what was taken, up to the limit or to where a poison lies. Opening happens in
// place: what is not for the actor is squeezed out.
func (m *mailbox) handleBatch() {
	b := m.batch
	start, end := m.next, m.next
	for m.next < len(m.current) && end-start < b.limit {
		message := m.current[m.next]
		if _, ok := message.(poison); ok && end > start {
			break // the poison gets a turn of its own
		}
		m.next++
		if message = m.open(message); message != nil {
			m.current[end] = message
			end++
		} else if m.urgent.Load() {
			break
		}
	}
	clear(m.current[end:m.next])
	if end == start {
		return
	}
	b.Messages, b.handled = m.current[start:end:end], 0
	m.invoker.InvokeUserMessage(Batch{b})
	m.endBatch()
}

// endBatch keeps nothing alive that the turn was about.
func (m *mailbox) endBatch() {
	clear(m.batch.Messages)
	m.batch.Messages, m.batch.trap = nil, nil
}
