package coordinator

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// holdTime is how long the answer to an end waits for the partitions to know of it.
const holdTime = 200 * time.Millisecond

// held are the answers to ends that are decided and of which the partitions are being told, by transactional
// id: an id has one end at a time. Kafka answers as soon as the end is decided. Then a client that asks next
// for the offsets that it has committed, or reads what it has written, may not find them yet.
type held struct{ waiting kit.Pending[string, answer] }

func (h *held) add(now time.Time, id string, one answer) {
	if one.ticket != 0 {
		h.waiting.Add(id, one, now.Add(holdTime))
	}
}

// release gives the answer of an id, if one is held.
func (c *core) release(id string) {
	if one, held := c.held.waiting.Take(id); held {
		c.answers = append(c.answers, one)
	}
}

// releaseLate gives the answers that were held long enough: a partition has no leader, or is slow. What is
// decided holds nevertheless.
func (c *core) releaseLate(now time.Time) {
	c.answers = append(c.answers, c.held.waiting.Expire(now)...)
}
