package powerloss

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// book is what clients were promised, over all lives of a node.
type book struct {
	topics   map[string]*topicBook
	names    []string // keys of topics in the order of their first creation
	byNumber map[int64]*sent
	pids     []int64 // handed out and not used yet
	highest  int64   // of all producer ids that were handed out
	err      error   // the first broken promise

	acked, retried, gaps, lives, deleted, transactions, placed int // how much was really tried
}

func newBook() *book {
	return &book{topics: map[string]*topicBook{}, byNumber: map[int64]*sent{}, highest: -1}
}

// errLost marks broken promises of the worst sort: what was acked or seen is not there any more.
var errLost = errors.New("acknowledged and lost")

// broken notes a broken promise; the first one counts.
func (b *book) broken(format string, values ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, values...)
	}
}

// topicState is what a client knows of a topic.
//
//	absent    → creating when it asks for it
//	creating  → present with the answer, or when a restart shows it; absent when a restart does not
//	present   → deleting when it asks for that
//	deleting  → absent with the answer, or when a restart shows that; present when a restart shows it
type topicState int

const (
	absent topicState = iota
	creating
	present
	deleting
)

type topicBook struct {
	name       string
	state      topicState
	id         image.TopicID
	partitions int
	logs       []*logBook
}

// logBook is one partition. Whatever was seen through its view counts as promised, too.
type logBook struct {
	name      string
	sent      []*sent
	writers   []*writer
	seenStart protocol.Offset
	seenEnd   protocol.Offset
}

// sent is one batch. Its base timestamp is its number, which finds it again.
type sent struct {
	number   int64
	pristine batch.Batch
	writer   *writer
	marker   bool // it ends a transaction
	attempts int
	refused  int             // attempts of which it was said that nothing happened
	acked    bool            // the producer knows the offset
	promised bool            // acked, or served to a reader
	gone     bool            // a restart has shown that it did not survive, and nobody will send it again
	offset   protocol.Offset // if promised
	found    uint64          // the last inspection that met it
}

func (s *sent) String() string {
	return fmt.Sprintf("batch %d (producer %d, sequence %d, %d records)", s.number, s.pristine.ProducerID(),
		s.pristine.BaseSequence(), s.pristine.Count())
}

// same tells whether a stored batch is the one that was sent, but for what the leader stamps.
func (s *sent) same(stored batch.Batch) bool {
	return bytes.Equal(stored[16:], s.pristine[16:]) && bytes.Equal(stored[8:12], s.pristine[8:12])
}

// promise notes an offset that somebody was told.
func (b *book) promise(s *sent, offset protocol.Offset) {
	if s.promised && s.offset != offset {
		b.broken("%s was at offset %d and is now said to be at %d", s, s.offset, offset)
	}
	s.promised, s.offset = true, offset
}

// ack notes the answer to a producer.
func (b *book) ack(s *sent, offset protocol.Offset) {
	b.promise(s, offset)
	if !s.acked {
		s.acked = true
		b.acked++
	}
}

// writer is one producer of one partition.
type writer struct {
	pid        int64 // -1 for a plain one
	sequence   int32 // of the next batch
	unanswered []*sent
	last       []*sent // the last acked ones, at most as many as a broker remembers
	inFlight   int
	failed     bool // something was not acked: send all that is unanswered again, in order

	transactional bool
	wrote         bool    // something since the last marker
	ending        *ending // nil while no marker has to be written
}

// remembered is how many batches of a producer a broker knows again: Kafka's number.
const remembered = 5

func (w *writer) idempotent() bool { return w.pid >= 0 }

// settled takes an acked batch from the list.
func (w *writer) settled(s *sent) {
	for i, one := range w.unanswered {
		if one == s {
			w.unanswered = append(w.unanswered[:i:i], w.unanswered[i+1:]...)
			w.last = append(w.last, s)
			w.last = w.last[max(0, len(w.last)-remembered):]
			return
		}
	}
}

// restarted forgets what was under way when the power went.
func (b *book) restarted() {
	for _, topic := range b.topics {
		for _, log := range topic.logs {
			for _, w := range log.writers {
				w.inFlight, w.failed = 0, len(w.unanswered) > 0
				if w.ending != nil {
					w.ending.inFlight = false
				}
			}
		}
	}
}

func (b *book) topic(name string) *topicBook {
	topic := b.topics[name]
	if topic == nil {
		topic = &topicBook{name: name}
		b.topics[name] = topic
		b.names = append(b.names, name)
	}
	return topic
}

// created notes that a topic is there.
func (t *topicBook) created(topic *image.Topic) {
	t.state, t.id, t.partitions, t.logs = present, topic.ID, len(topic.Partitions), nil
	for i := range topic.Partitions {
		t.logs = append(t.logs, &logBook{name: fmt.Sprintf("%s-%d", t.name, i)})
	}
}

func (t *topicBook) removed() { t.state, t.logs = absent, nil }
