package partitionlog

import (
	"errors"
	"sync/atomic"

	"github.com/chronik-go/chronik/protocol"
)

// Most of what compaction takes out of a log is still told by what it leaves: a later record of the key. Two
// things are not. A tombstone goes when its delete horizon has passed, and a transaction marker when besides
// none of the records of its transaction is left (KIP-534). A replica that was away meanwhile and copies only
// what comes after its end never hears of them:
//
//	it has       a = 1                             and would keep what was deleted
//	             P: b = 2, a transaction's         and would show, or count, what was aborted
//	purged here  a deleted | abort of P
//
// Kafka leaves it to delete.retention.ms to be longer than any replica is away. Here the log remembers the
// offset below which such things have been purged. Who ends below it has everything sent anew (renewal.go).
//
// Who copies is as much behind as who was away, from the first piece to the last. So nothing is purged while
// somebody reads a Source; what a compaction that was already at it purges ends the Source.

// purge is what is known of that. The zero value is that of a log of which nothing has been purged.
type purge struct {
	below   atomic.Int64  // offset after the last thing that was purged
	times   atomic.Uint64 // how often segments were exchanged for ones from which something is purged
	sources atomic.Int32  // being read
}

// errPurged ends a Source. Another one, for what the replica has by then, is right.
var errPurged = errors.New("compaction has taken tombstones or markers that were still to be copied")

// purged returns the offset below which tombstones and markers may have gone, 0 if none has.
func (p *purge) purged() protocol.Offset { return protocol.Offset(p.below.Load()) }

// raise notes that they have gone below an offset.
func (p *purge) raise(offset protocol.Offset) {
	for before := p.below.Load(); before < int64(offset); before = p.below.Load() {
		if p.below.CompareAndSwap(before, int64(offset)) {
			return
		}
	}
}

// allowed tells whether anything may be purged now.
func (p *purge) allowed() bool { return p.sources.Load() == 0 }

// notePurged puts on record, durable, that a log which this one copies was purged below an offset. What is on
// record beside that stays: a compaction may be at it.
func (l *Log) notePurged(offset protocol.Offset) error {
	f := l.files
	if offset <= f.purge.purged() {
		return nil
	}
	f.purge.raise(offset)
	if err := f.rewriteProgress(); err != nil {
		return f.fail(err)
	}
	return nil
}
