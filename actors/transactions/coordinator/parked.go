package coordinator

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
)

// parkTime is how long a request waits for the end of the transaction before. maxParked bounds such requests.
const (
	parkTime  = 200 * time.Millisecond
	maxParked = 10_000
)

// waits tells whether a request is worth waiting for the end of a transaction. A client begins the next one
// as soon as the end is decided, while the partitions are still being told. It may be told
// CONCURRENT_TRANSACTIONS then, and asks again after a pause that is longer than what is left to do.
func waits(body any) bool {
	switch body.(type) {
	case transaction.Init, transaction.End, Add:
		return true
	}
	return false
}

// parked are requests that wait for the end of a transaction, by the number of their order. It knows no
// actor.
type parked struct {
	waiting kit.Pending[uint64, numbered]
	byID    map[string][]uint64 // the same numbers
	last    uint64
}

type numbered struct {
	number  uint64
	request request
}

func newParked() parked { return parked{byID: map[string][]uint64{}} }

// add keeps a request, or declines at the bound.
func (p *parked) add(now time.Time, r request) bool {
	if p.waiting.Len() >= maxParked {
		return false
	}
	p.last++
	p.waiting.Add(p.last, numbered{p.last, r}, now.Add(parkTime))
	p.byID[r.id] = append(p.byID[r.id], p.last)
	return true
}

// take takes out the requests about an id, in order.
func (p *parked) take(id string) []request {
	var taken []request
	for _, number := range p.byID[id] {
		if one, waits := p.waiting.Take(number); waits {
			taken = append(taken, one.request)
		}
	}
	delete(p.byID, id)
	return taken
}

// expire takes out the requests that have waited long enough.
func (p *parked) expire(now time.Time) []request {
	var taken []request
	for _, one := range p.waiting.Expire(now) {
		id := one.request.id
		p.byID[id] = slices.DeleteFunc(p.byID[id], func(number uint64) bool { return number == one.number })
		if len(p.byID[id]) == 0 {
			delete(p.byID, id)
		}
		taken = append(taken, one.request)
	}
	return taken
}

// unpark goes on with the requests that waited for the end of a transaction, once it is there.
func (c *core) unpark(now time.Time, id string) {
	if t := c.transactions[id]; t != nil && t.Ending() {
		return
	}
	for _, r := range c.parked.take(id) {
		c.handle(now, r, transaction.NoProducerID)
	}
}

// unparkLate goes on with those that have waited long enough, which are told that transactions are
// concurrent.
func (c *core) unparkLate(now time.Time) {
	for _, r := range c.parked.expire(now) {
		c.handle(now, r, transaction.NoProducerID)
	}
}
