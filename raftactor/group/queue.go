package group

// queue is a FIFO that gives its memory back when it runs empty. The zero value is ready.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) push(item T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 { // move to the front rather than grow
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

// at returns the i-th oldest item, which must exist.
func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }

// first returns the oldest item, which must exist.
func (q *queue[T]) first() *T { return &q.items[q.head] }

// last returns the newest item, which must exist.
func (q *queue[T]) last() *T { return &q.items[len(q.items)-1] }

// pop removes and returns the oldest item, which must exist.
func (q *queue[T]) pop() T {
	var none T
	item := q.items[q.head]
	q.items[q.head] = none
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > smallQueue {
			q.items = nil
		}
	}
	return item
}

// smallQueue is the capacity that an idle queue may keep: enough that a trickle of proposals does not
// allocate, little enough for ten thousand groups.
const smallQueue = 16
