package fetch

import (
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
)

// watches remembers at which partitions this connection has a waiter, across fetches. A consumer that is at
// the tail of a thousand partitions fetches again and again from the same offsets: with a waiter per fetch
// that would be a thousand messages to register and a thousand to take back, twice a second. This way a
// fetch registers only where the offset has moved since the last one.
//
// A watch is armed from the moment its Wait is sent until its Woken arrives. A Woken that got lost with a
// partition actor that crashed costs one long poll: that fetch ends at its deadline, reads everything, and
// the next one waits at another offset.
type watches struct {
	generation uint32
	all        []watch // by number
	numbers    map[watched]int
}

// watched is what a watch looks at.
type watched struct {
	replica *partition.Replica
	stable  bool // the last stable offset, not the high watermark
}

// watch is the waiter at one partition.
type watch struct {
	watched
	armed  bool
	offset protocol.Offset // woken when what is watched is above it
	users  []user          // fetches that want to hear of it; answered ones may linger
}

// user is one item of a waiting fetch.
type user struct {
	work uint64
	item int
}

// maxWatches bounds the watches of one connection. Past it all are taken back, and the fetches that wait
// register anew: a client that keeps wandering over that many partitions pays for it alone.
const maxWatches = maxPartitions

// of returns the watch of a replica.
func (w *watches) of(what watched) (number int, one *watch) {
	number, known := w.numbers[what]
	if !known {
		if w.numbers == nil {
			w.numbers = make(map[watched]int)
		}
		number = len(w.all)
		w.all = append(w.all, watch{watched: what})
		w.numbers[what] = number
	}
	return number, &w.all[number]
}

// arm notes that a waiting fetch wants to hear when the partition goes above offset. Fetches older than
// oldest wait no more. send is false when the partition's actor knows already.
func (w *watches) arm(what watched, offset protocol.Offset, u user, oldest uint64) (token uint64, send bool) {
	number, one := w.of(what)
	kept := one.users[:0]
	for _, other := range one.users {
		if other.work >= oldest && other != u {
			kept = append(kept, other)
		}
	}
	one.users = append(kept, u)
	send = !one.armed || one.offset != offset
	one.armed, one.offset = true, offset
	return w.token(number), send
}

// woken returns the users of a watch that fired, valid until the watch is armed again. An outdated token
// has none.
func (w *watches) woken(token uint64) []user {
	number := int(uint32(token))
	if uint32(token>>32) != w.generation || number >= len(w.all) {
		return nil
	}
	one := &w.all[number]
	users := one.users
	one.armed, one.users = false, one.users[:0]
	return users
}

// full tells whether more partitions would pass the bound.
func (w *watches) full(more int) bool { return len(w.all)+more > maxWatches }

// reset takes every watch back through unwait and begins a new generation, so that wake-ups still under way
// find nothing.
func (w *watches) reset(unwait func(replica *partition.Replica, token uint64)) {
	for number := range w.all {
		if w.all[number].armed {
			unwait(w.all[number].replica, w.token(number))
		}
	}
	*w = watches{generation: w.generation + 1}
}

func (w *watches) token(number int) uint64 { return uint64(w.generation)<<32 | uint64(number) }
