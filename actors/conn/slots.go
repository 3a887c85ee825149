package conn

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/protocol"
)

// slots keeps the replies of one connection in the order of its requests. A slot is opened when a request
// arrives, filled once in any order, and taken in the order of opening.
//
//	open      a request is being answered
//	filled    its reply waits for the replies before it
//	taken     its reply went to the writer; the slot is gone
//
// A silent slot belongs to a request that gets no reply (produce with acks=0). It holds nobody up: later
// replies pass it, and it is gone once it is filled.
//
// The ring grows with the number of open requests and is given back when there are none, except for a
// small one, so that an idle connection holds next to nothing.
type slots struct {
	ring  []slot // length is a power of two, 0 at the start
	first uint64 // oldest slot that still exists
	turn  uint64 // next slot whose reply may be taken; first <= turn <= next
	next  uint64 // number of the slot that opens next
}

// slot is the place of one reply.
type slot struct {
	state   slotState
	silent  bool
	pending pending     // while open
	reply   fetch.Frame // while filled
}

// pending is what the connection knows of a request that is being answered.
type pending struct {
	request *protocol.Request
	child   kit.Address // who answers; zero if the connection does
	cost    *cost
	since   time.Time
}

type slotState uint8

// smallRing is the ring that an idle connection keeps: enough for a client that does not pipeline.
const smallRing = 2

const (
	slotOpen slotState = iota
	slotFilled
	slotGone
)

// count returns how many slots exist: requests that arrived and whose replies were not taken.
func (s *slots) count() int { return int(s.next - s.first) }

// open adds a slot and returns its number.
func (s *slots) open(p pending, silent bool) uint64 {
	if s.count() == len(s.ring) {
		s.grow()
	}
	number := s.next
	*s.at(number) = slot{pending: p, silent: silent}
	s.next++
	return number
}

// get returns what is known of an open slot. It is nil for a number that was never opened and for a slot
// that was filled, so a second answer to one request finds nothing.
func (s *slots) get(number uint64) *pending {
	if number < s.first || number >= s.next || s.at(number).state != slotOpen {
		return nil
	}
	return &s.at(number).pending
}

// of returns the numbers of the open slots that a child is to fill.
func (s *slots) of(child kit.Address) []uint64 {
	var numbers []uint64
	for number := s.first; number < s.next; number++ {
		if one := s.at(number); one.state == slotOpen && one.pending.child.Equal(child) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// fill puts the reply into an open slot. It reports whether the slot is silent: then it is gone, and the
// reply with it.
func (s *slots) fill(number uint64, r fetch.Frame) (silent bool) {
	if s.get(number) == nil {
		panic(fmt.Sprintf("BUG: got a reply for slot %d, want an open one of %d to %d", number, s.first, s.next))
	}
	one := s.at(number)
	silent = one.silent
	*one = slot{state: slotFilled, reply: r}
	if silent {
		*one = slot{state: slotGone, silent: true}
	}
	s.trim()
	return silent
}

// take returns the next reply in order. ok is false while the next request in order is not answered.
func (s *slots) take() (r fetch.Frame, ok bool) {
	for ; s.turn < s.next; s.turn++ {
		one := s.at(s.turn)
		if one.silent {
			continue
		}
		if one.state != slotFilled {
			return fetch.Frame{}, false
		}
		r, one.reply, one.state = one.reply, fetch.Frame{}, slotGone
		s.turn++
		s.trim()
		return r, true
	}
	return fetch.Frame{}, false
}

// each visits every slot that was not taken, oldest first.
func (s *slots) each(visit func(*slot)) {
	for number := s.first; number < s.next; number++ {
		if one := s.at(number); one.state != slotGone {
			visit(one)
		}
	}
}

// trim forgets the oldest slots that are gone.
func (s *slots) trim() {
	for s.first < s.next && s.at(s.first).state == slotGone {
		s.first++
	}
	s.turn = max(s.turn, s.first)
	if s.first == s.next && len(s.ring) > smallRing {
		s.ring = nil
	}
}

func (s *slots) at(number uint64) *slot { return &s.ring[number&uint64(len(s.ring)-1)] }

func (s *slots) grow() {
	old := *s
	s.ring = make([]slot, max(smallRing, 2*len(old.ring)))
	for number := old.first; number < old.next; number++ {
		*s.at(number) = *old.at(number)
	}
}
