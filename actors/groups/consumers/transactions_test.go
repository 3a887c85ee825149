package consumers

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
)

// transactional is a group that commits in transactions, and the log that it writes to.
type transactional struct {
	*core
	t   *testing.T
	now time.Time
	end int64 // of the log
}

func newTransactional(t *testing.T) *transactional {
	now := time.Unix(1_000_000, 0)
	return &transactional{core: newTestCore(t, now), t: t, now: now}
}

// write commits an offset, in a transaction of a producer unless it is 0, and returns the outcome.
func (c *transactional) write(producer, offset int64) protocol.Code {
	c.t.Helper()
	commit := commitOf(offset, "")
	if producer != 0 {
		commit.Transaction = &Transaction{ProducerID: producer}
	}
	c.ask(c.now, classic.Client{}, commit, 1)
	c.log()
	return codeOfOne(c.t, c.core)
}

// log makes the writes of the group true.
func (c *transactional) log() {
	writes := c.writes
	c.writes = nil
	for _, one := range writes {
		c.written(c.now, Written{Token: one.token, Offset: c.end})
		c.end++
	}
}

func (c *transactional) mark(producer int64, commit bool) {
	c.endTransaction(EndTransaction{ProducerID: producer, Commit: commit, Offset: c.end})
	c.end++
}

// sees checks what is read, also by those who want stable offsets.
func (c *transactional) sees(want int64, stable bool) {
	c.t.Helper()
	code := protocol.None
	if !stable {
		code = protocol.UnstableOffsetCommit
	}
	one := c.fetch(Fetch{Stable: true, Places: []offsets.Place{orders}})[0]
	if one.Code != code || stable && one.Offset.Offset != want || !stable && one.Offset.Offset != -1 {
		c.t.Errorf("got %s and offset %d as stable, want %s and %d", one.Code, one.Offset.Offset, code, want)
	}
	if got := offsetOf(c.core); got != want {
		c.t.Errorf("got offset %d, want %d", got, want)
	}
}

func TestOffsetsOfATransactionCountWithItsMarker(t *testing.T) {
	c := newTransactional(t)
	if code := c.write(7, 10); code != protocol.None {
		t.Fatalf("got %s", code)
	}
	c.sees(-1, false)
	if c.vacant() {
		t.Error("a group that a transaction commits to is nothing")
	}
	c.mark(7, true)
	c.sees(10, true)
	c.write(7, 20)
	c.sees(10, false)
	c.mark(7, false)
	c.sees(10, true)
}

func TestAGroupOfAnAbortedTransactionIsNothing(t *testing.T) {
	c := newTransactional(t)
	c.write(7, 10)
	c.mark(7, false)
	c.sees(-1, true)
	if !c.vacant() {
		t.Error("want the group gone")
	}
}

func TestEachTransactionHasItsOwnEnd(t *testing.T) {
	c := newTransactional(t)
	c.write(7, 10)
	c.write(8, 20)
	c.mark(9, true)
	c.sees(-1, false)
	c.mark(7, true)
	c.sees(10, false)
	c.mark(8, false)
	c.sees(10, true)
}

// Of plain commits and those of transactions the one counts that stands last in the log, whenever its
// transaction ends.
func TestTheLastRecordCountsWhateverEndsLast(t *testing.T) {
	c := newTransactional(t)
	c.write(7, 10)
	c.write(0, 5)
	c.sees(5, false)
	c.mark(7, true)
	c.sees(5, true)
	c.write(0, 6)
	c.write(7, 12)
	c.mark(7, true)
	c.sees(12, true)
}

// A marker that is told late belongs to what stands before it, not to the next transaction.
func TestAMarkerEndsWhatStandsBeforeIt(t *testing.T) {
	c := newTransactional(t)
	marker := c.end
	c.end++
	c.write(7, 20)
	c.endTransaction(EndTransaction{ProducerID: 7, Commit: true, Offset: marker})
	c.sees(-1, false)
	c.mark(7, true)
	c.sees(20, true)
}

func TestWhatIsRemovedIsRemovedFromTransactions(t *testing.T) {
	c := newTransactional(t)
	c.write(7, 10)
	c.ask(c.now, classic.Client{}, DeleteOffsets{Places: []offsets.Place{orders}}, 1)
	c.log()
	if code := codeOfOne(t, c.core); code != protocol.None {
		t.Fatalf("got %s", code)
	}
	c.mark(7, true)
	c.sees(-1, true)
	c.write(7, 11)
	c.forget([]string{orders.Topic})
	c.log()
	c.mark(7, true)
	c.sees(-1, true)
}

func TestDeletionCoversTransactions(t *testing.T) {
	c := newTransactional(t)
	c.write(7, 10)
	c.write(8, 11)
	c.ask(c.now, classic.Client{}, Delete{}, 1)
	_, writes := c.take()
	if len(writes) != 1 || len(writes[0].records) != 2 {
		t.Fatalf("got %+v, want one tombstone for the offset and one for the group", writes)
	}
	c.written(c.now, Written{Token: writes[0].token, Offset: c.end})
	if !c.vacant() || c.pending.Len() != 0 {
		t.Error("want the group gone with its transactions")
	}
}

// Neither an offset that a transaction is about to change nor its group expires.
func TestNothingExpiresUnderATransaction(t *testing.T) {
	c := newTransactional(t)
	c.write(0, 5)
	c.write(7, 10)
	later := c.now.Add(48 * time.Hour)
	c.expire(later)
	if len(c.writes) != 0 {
		t.Fatalf("got %+v under a transaction", c.writes)
	}
	c.mark(7, false)
	c.expire(later)
	if len(c.writes) != 1 || len(c.writes[0].records) != 2 {
		t.Errorf("got %+v, want tombstones for the offset and the group", c.writes)
	}
}

func TestAPendingOffsetDoesNotKeepOthers(t *testing.T) {
	c := newTransactional(t)
	c.write(0, 5)
	other := commitOf(1, "")
	other.Items[0].Place = offsets.Place{Topic: "other"}
	other.Transaction = &Transaction{ProducerID: 7}
	c.ask(c.now, classic.Client{}, other, 1)
	c.log()
	c.take()
	c.expire(c.now.Add(48 * time.Hour))
	_, writes := c.take()
	if len(writes) != 1 || len(writes[0].records) != 1 {
		t.Fatalf("got %+v, want one tombstone and no end of the group", writes)
	}
	if key := records.Key(writes[0].records[0].Key); key != (records.OffsetKey{Group: "g", Topic: "orders", Partition: 2}) {
		t.Errorf("got %+v", key)
	}
}

func TestATransactionThatIsNotWrittenChangesNothing(t *testing.T) {
	c := newTransactional(t)
	commit := commitOf(7, "")
	commit.Transaction = &Transaction{ProducerID: 7, ProducerEpoch: 3}
	c.ask(c.now, classic.Client{}, commit, 1)
	_, writes := c.take()
	if writes[0].transaction != commit.Transaction {
		t.Fatal("the write is not part of the transaction")
	}
	c.written(c.now, Written{Token: writes[0].token, Code: protocol.InvalidProducerEpoch})
	if code := codeOfOne(t, c.core); code != protocol.InvalidProducerEpoch || !c.vacant() {
		t.Errorf("got %s, want INVALID_PRODUCER_EPOCH and nothing", code)
	}
}
