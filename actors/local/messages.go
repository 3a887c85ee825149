package local

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/local/pull"
)

// Produce appends records to a partition that is led here, as one batch. It is answered with one Produced.
type Produce struct {
	Topic     string
	Partition int32
	Records   []pull.Record // their Offset does not count; a zero Timestamp stands for now
	Timeout   time.Duration // 0, and what is more than the node allows: limits.produce_time
	Producer  *Producer     // nil: nobody notices if the records are sent twice
	ReplyTo   kit.Address
	Token     uint64 // comes back
}

// Producer makes a Produce idempotent, or a part of a transaction: a Request with InitProducerId gives ID and
// Epoch, and Sequence is that of the first record, counted from 0 for each partition. A batch that is sent
// again with its sequence is written once.
type Producer struct {
	ID              int64
	Epoch           int16
	Sequence        int32
	TransactionalID string // "": no transaction
}

// Produced answers Produce. Without Err the records are durable on a majority and have the offsets from
// BaseOffset on. Err is a *protocol.Error with Kafka's code, or wraps kit.ErrStopped; after RequestTimedOut,
// NotLeaderOrFollower and kit.ErrStopped the records may have been written all the same.
type Produced struct {
	Token      uint64
	BaseOffset int64
	Err        error
}

// AnswerTo implements kit.Asking.
func (m Produce) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// Refuse implements kit.Refusable.
func (m Produce) Refuse(err error) {
	m.ReplyTo.Tell(Produced{Token: m.Token, BaseOffset: -1, Err: err})
}

// Request makes any request of Kafka's protocol but Produce and Fetch, which have messages of their own. The
// version is that of the body. It is answered with one Responded.
type Request struct {
	Body    kmsg.Request
	ReplyTo kit.Address
	Token   uint64
}

// Responded answers Request.
type Responded struct {
	Token uint64
	Body  kmsg.Response // nil if there is an Err
	Err   error
}

// AnswerTo implements kit.Asking.
func (m Request) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}

// Refuse implements kit.Refusable.
func (m Request) Refuse(err error) { m.ReplyTo.Tell(Responded{Token: m.Token, Err: err}) }

// Unwatch ends a Watch. What is on its way still comes.
type Unwatch struct {
	ReplyTo kit.Address // of the Watch
	Token   uint64      // of the Watch
}

// AnswerTo implements kit.Asking.
func (m Unwatch) AnswerTo(a kit.Address) any {
	if m.ReplyTo.IsZero() {
		m.ReplyTo = a
	}
	return m
}
