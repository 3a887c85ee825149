package sim

import (
	"strings"

	"github.com/chronik-go/chronik/tests/txn/history"
)

// ledger is what the clients did and saw.
type ledger struct {
	transactions []*history.Transaction
	readers      []*history.Reader
	counts       counts
}

// counts tell how much was really tried.
type counts struct {
	plain, idempotent, repeated, committed, aborted, commits, offsets, read int
}

func (c *counts) add(other counts) {
	c.plain += other.plain
	c.idempotent += other.idempotent
	c.repeated += other.repeated
	c.committed += other.committed
	c.aborted += other.aborted
	c.commits += other.commits
	c.offsets += other.offsets
	c.read += other.read
}

func newLedger() *ledger { return &ledger{} }

// transaction notes what is written together: a transaction, or a batch without one.
func (l *ledger) transaction() *history.Transaction {
	one := new(history.Transaction)
	l.transactions = append(l.transactions, one)
	return one
}

func (l *ledger) reader(name string) *history.Reader {
	one := &history.Reader{Name: name}
	l.readers = append(l.readers, one)
	return one
}

// history is all of it, with what stands in the partitions at the end.
func (l *ledger) history(final []history.Seen) *history.History {
	h := &history.History{Final: final}
	for _, one := range l.transactions {
		h.Transactions = append(h.Transactions, *one)
	}
	for _, one := range l.readers {
		h.Readers = append(h.Readers, *one)
	}
	return h
}

// pad makes a record of a value, with something behind it so that files fill.
func (w *world) pad(v history.Value) []byte {
	return []byte(v.String() + "|" + strings.Repeat("x", w.scheduler.random.IntN(2000)))
}
