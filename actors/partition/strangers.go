package partition

import (
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// strangers are producers that the leader does not know, and that came with another sequence than 0.
//
// Nothing is wrong with that where the producer wrote long ago and was forgotten, or where the topic was made
// anew; Kafka takes such a batch. But several batches are on their way at once, and those before it may have
// been refused while there was no leader or no room:
//
//	producer sends 0, 1, 2 ─► 0 refused: not the leader yet
//	                          1 taken, 2 taken
//	producer sends 0 again ─► does not follow 2, and never will
//
// So such a batch is refused once. Whoever has something to send before it sends that first, and is known
// then. Whoever has not comes with the same sequence again, and nothing below it in between: it is the first.
type strangers map[int64]stranger

type stranger struct {
	epoch  int16
	lowest int32 // sequence
}

// maxStrangers bounds how many are remembered. With more than that all are asked to come again.
const maxStrangers = 10_000

// meet returns why a batch of a producer that is not known has to come again, or nil.
func (s *strangers) meet(b batch.Batch) error {
	id, this := b.ProducerID(), stranger{b.ProducerEpoch(), b.BaseSequence()}
	if seen, is := (*s)[id]; is && seen == this {
		return nil
	} else if !is || this.epoch > seen.epoch || this.epoch == seen.epoch && this.lowest < seen.lowest {
		s.note(id, this)
	}
	return protocol.Errorf(protocol.NotEnoughReplicas,
		"producer %d is not known here and begins with sequence %d; what comes before it goes first",
		id, this.lowest)
}

// forget says that a batch is taken: the producer is known from now on.
func (s *strangers) forget(b batch.Batch) {
	if len(*s) > 0 {
		delete(*s, b.ProducerID())
	}
}

func (s *strangers) note(id int64, one stranger) {
	if *s == nil || len(*s) >= maxStrangers {
		*s = strangers{}
	}
	(*s)[id] = one
}
