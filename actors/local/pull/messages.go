package pull

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// Record is one record of a partition. It belongs to whoever gets it.
type Record struct {
	Offset    int64
	Timestamp time.Time
	Key       []byte // nil: null
	Value     []byte // nil: null
	Headers   []Header
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Fetch reads records of a partition that is led here. It is answered with one Fetched.
type Fetch struct {
	Topic     string
	Partition int32
	Offset    int64
	MaxBytes  int32         // at least one batch is returned if there is one; 0 stands for 1 MiB
	MinBytes  int32         // to wait for; 0: the answer comes at once
	Wait      time.Duration // for MinBytes
	Committed bool          // leave out what belongs to transactions that are open or were aborted
	ReplyTo   kit.Address
	Token     uint64 // comes back
}

// Fetched answers Fetch. Its Err is a *protocol.Error with Kafka's code, or wraps kit.ErrStopped.
type Fetched struct {
	Token         uint64
	Records       []Record
	Next          int64 // offset to go on from
	HighWatermark int64
	LogStart      int64
	Err           error
}

// AnswerTo implements kit.Asking.
func (m Fetch) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// Refuse implements kit.Refusable.
func (m Fetch) Refuse(err error) { m.ReplyTo.Tell(Fetched{Token: m.Token, Next: m.Offset, Err: err}) }

// Watch asks for the records of a partition that is led here, from Offset on, as they come: Arrived again and
// again, each after the Next that answers the one before. A second Watch of the same asker and token takes
// the place of the first.
type Watch struct {
	Topic     string
	Partition int32
	Offset    int64
	MaxBytes  int32 // as in Fetch
	Committed bool
	ReplyTo   kit.Address
	Token     uint64
}

// Arrived brings records to a Watch. One with an Err is the last.
type Arrived struct{ Fetched }

// AnswerTo implements kit.Asking.
func (m Watch) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// Refuse implements kit.Refusable.
func (m Watch) Refuse(err error) {
	m.ReplyTo.Tell(Arrived{Fetched{Token: m.Token, Next: m.Offset, Err: err}})
}

// Next says that the Arrived of a Watch has been dealt with.
type Next struct {
	ReplyTo kit.Address // of the Watch
	Token   uint64      // of the Watch
}

// AnswerTo implements kit.Asking.
func (m Next) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// expired says that the asker of a Watch has taken too long.
type expired struct{ turn uint64 }
