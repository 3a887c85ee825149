package crash

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
)

const partitions = 6

// identity names a record: the seq-th one that a producer sent to a partition.
type identity struct {
	producer uint32
	seq      int64
}

// longestPadding makes records differ in size, so that batches and segments end anywhere.
const longestPadding = 2000

// value returns the bytes of a record, which follow from its identity and partition.
func value(id identity, partition int32) []byte {
	random := rand.New(rand.NewPCG(uint64(id.producer)<<32|uint64(partition), uint64(id.seq)))
	b := make([]byte, 12, 12+longestPadding)
	binary.BigEndian.PutUint32(b, id.producer)
	binary.BigEndian.PutUint64(b[4:], uint64(id.seq))
	for size := random.IntN(longestPadding); len(b) < size; {
		b = binary.LittleEndian.AppendUint64(b, random.Uint64())
	}
	return b
}

// parse returns the identity that a value names, if its bytes are what value makes.
func parse(b []byte, partition int32) (identity, error) {
	if len(b) < 12 {
		return identity{}, fmt.Errorf("a record of %d bytes", len(b))
	}
	id := identity{binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint64(b[4:]))}
	if string(value(id, partition)) != string(b) {
		return id, fmt.Errorf("record %+v has other bytes than were sent", id)
	}
	return id, nil
}

// ledger holds what was acknowledged.
type ledger struct {
	mu     sync.Mutex
	acked  [partitions]map[int64]identity // by offset
	count  int
	given  int // given up by plain producers
	failed error
	grown  chan struct{}
}

func newLedger() *ledger {
	l := &ledger{grown: make(chan struct{}, 1)}
	for p := range l.acked {
		l.acked[p] = make(map[int64]identity)
	}
	return l
}

// ack notes an acknowledgement. Two records of one offset cannot both be right.
func (l *ledger) ack(partition int32, offset int64, id identity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, taken := l.acked[partition][offset]; taken && other != id && l.failed == nil {
		l.failed = fmt.Errorf("offset %d of partition %d was acknowledged for %+v and %+v", offset, partition, other, id)
	}
	l.acked[partition][offset] = id
	l.count++
	l.notify()
}

func (l *ledger) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given++
}

func (l *ledger) givenUp() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.given
}

// fail notes that an idempotent producer gave up, which none should: they retry without end.
func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	l.notify()
}

func (l *ledger) notify() {
	select {
	case l.grown <- struct{}{}:
	default:
	}
}

// await returns when that many more records have been acknowledged.
func (l *ledger) await(ctx context.Context, more int) error {
	target := l.total() + more
	for {
		l.mu.Lock()
		count, failed := l.count, l.failed
		l.mu.Unlock()
		if failed != nil || count >= target {
			return failed
		}
		select {
		case <-l.grown:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records were acknowledged: %w", more-(target-count), more, ctx.Err())
		}
	}
}

func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// check compares every acknowledgement with what the partitions hold.
func (l *ledger) check(content *[partitions][]identity) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.acked {
		for offset, id := range l.acked[p] {
			if offset >= int64(len(content[p])) {
				continue // acknowledged after the end was looked up
			}
			if got := content[p][offset]; got != id {
				return fmt.Errorf("partition %d offset %d: got %+v, but %+v was acknowledged", p, offset, got, id)
			}
		}
	}
	return l.failed
}

// ends returns one more than the highest acknowledged offset of each partition.
func (l *ledger) ends() (ends [partitions]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.acked {
		for offset := range l.acked[p] {
			ends[p] = max(ends[p], offset+1)
		}
	}
	return ends
}
