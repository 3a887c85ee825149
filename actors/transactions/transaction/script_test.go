package transaction

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/protocol"
)

var start = time.UnixMilli(1_000_000)

// owner drives one id and commits what it writes at once.
type owner struct {
	t  *testing.T
	tx *Transaction
	at time.Time
}

func newOwner(t *testing.T) *owner { return &owner{t: t, tx: New(), at: start} }

// restored returns an owner of an id that the log knows.
func restored(t *testing.T, r Record) *owner { return &owner{t: t, tx: Restore(r), at: start} }

// commit commits what a step writes, and checks the answer.
func (o *owner) want(step Step, code protocol.Code, p Producer) {
	o.t.Helper()
	if step.NeedsID {
		o.t.Fatal("got a question for a producer id, want an answer")
	}
	if step.Code != code || step.Producer != p {
		o.t.Fatalf("got %v and %+v, want %v and %+v", step.Code, step.Producer, code, p)
	}
	if step.Write {
		o.tx.Written(true)
	}
}

func (o *owner) refused(step Step, code protocol.Code) {
	o.t.Helper()
	if step.Write {
		o.t.Fatal("got a record to write, want a refusal")
	}
	o.want(step, code, NoProducer)
}

// finish tells all partitions and writes that they know.
func (o *owner) finish() {
	o.t.Helper()
	for _, place := range o.tx.Unmarked() {
		if o.tx.Complete(o.at).Write {
			o.t.Fatal("the end is complete before all partitions know it")
		}
		o.tx.Marked(place)
	}
	if !o.tx.Complete(o.at).Write {
		o.t.Fatal("the end is not complete")
	}
	o.tx.Written(true)
}

func (o *owner) state(s State) {
	o.t.Helper()
	if got := o.tx.Record().State; got != s {
		o.t.Fatalf("got state %v, want %v", got, s)
	}
}

const minute = 60_000

func (o *owner) init(expected *Producer, fresh int64) Step {
	return o.tx.Init(o.at, Init{minute, expected}, SecondGeneration, fresh)
}

func (o *owner) add(p Producer, generation int16) Step {
	return o.tx.Add(o.at, p, []Place{{"t", 1}}, generation)
}

func (o *owner) end(p Producer, commit bool, generation int16, fresh int64) Step {
	return o.tx.End(o.at, End{p, commit, generation}, fresh)
}

func TestNewProducerGetsAFreshID(t *testing.T) {
	o := newOwner(t)
	if step := o.init(nil, NoProducerID); !step.NeedsID || step.Write {
		t.Fatalf("got %+v, want a question for an id", step)
	}
	o.want(o.init(nil, 7), protocol.None, Producer{7, 0})
	o.want(o.init(nil, NoProducerID), protocol.None, Producer{7, 1})
}

// KIP-360: a producer that has an id goes on with it; one that was fenced does not.
func TestProducerGoesOnWithTheIDItHas(t *testing.T) {
	o := newOwner(t)
	o.want(o.init(nil, 7), protocol.None, Producer{7, 0})
	has := &Producer{7, 0}
	o.want(o.init(has, NoProducerID), protocol.None, Producer{7, 1})
	o.want(o.init(has, NoProducerID), protocol.None, Producer{7, 1}) // the answer got lost
	o.want(o.init(&Producer{7, 1}, NoProducerID), protocol.None, Producer{7, 2})
	o.refused(o.init(has, NoProducerID), protocol.ProducerFenced)
	o.refused(o.init(&Producer{8, 2}, NoProducerID), protocol.ProducerFenced)
	o.want(o.init(nil, NoProducerID), protocol.None, Producer{7, 3}) // another producer
	o.refused(o.init(&Producer{7, 2}, NoProducerID), protocol.ProducerFenced)
}

func TestUsedUpEpochsGiveAFreshID(t *testing.T) {
	used := Record{Producer: Producer{7, lastEpoch}, Previous: 7, Next: -1, LastEpoch: lastEpoch - 1, State: Empty}
	o := restored(t, used)
	if step := o.init(nil, NoProducerID); !step.NeedsID {
		t.Fatalf("got %+v, want a question for an id", step)
	}
	o.want(o.init(nil, 8), protocol.None, Producer{8, 0})

	o = restored(t, used)
	o.want(o.init(&Producer{7, lastEpoch}, 8), protocol.None, Producer{8, 0})
	o.want(o.init(&Producer{7, lastEpoch}, NoProducerID), protocol.None, Producer{8, 0}) // the answer got lost
	o.refused(o.init(&Producer{7, lastEpoch - 1}, NoProducerID), protocol.ProducerFenced)

	o = restored(t, used) // a repeated request for what is the last epoch
	o.want(o.init(&Producer{7, lastEpoch - 1}, NoProducerID), protocol.None, Producer{7, lastEpoch})
	o.refused(o.init(&Producer{7, 3}, NoProducerID), protocol.ProducerFenced)
}

func TestFirstGenerationKeepsItsEpoch(t *testing.T) {
	o, p := newOwner(t), Producer{7, 0}
	o.want(o.init(nil, 7), protocol.None, p)
	o.refused(o.end(p, true, FirstGeneration, -1), protocol.InvalidTxnState)
	o.refused(o.end(p, false, FirstGeneration, -1), protocol.InvalidTxnState)
	o.refused(o.add(Producer{8, 0}, FirstGeneration), protocol.InvalidProducerIDMapping)
	o.refused(o.add(Producer{7, 1}, FirstGeneration), protocol.ProducerFenced)
	o.want(o.add(p, FirstGeneration), protocol.None, NoProducer)
	o.refused(o.add(p, FirstGeneration), protocol.None)
	o.refused(o.end(Producer{8, 0}, true, FirstGeneration, -1), protocol.InvalidProducerIDMapping)
	o.refused(o.end(Producer{7, 1}, true, FirstGeneration, -1), protocol.ProducerFenced)
	o.want(o.end(p, true, FirstGeneration, -1), protocol.None, p)
	o.state(PrepareCommit)
	o.refused(o.end(p, true, FirstGeneration, -1), protocol.ConcurrentTransactions)
	o.refused(o.add(p, FirstGeneration), protocol.ConcurrentTransactions)
	o.refused(o.init(nil, -1), protocol.ConcurrentTransactions)
	o.finish()
	o.state(CompleteCommit)
	o.want(o.end(p, true, FirstGeneration, -1), protocol.None, p) // again, nothing changes
	o.refused(o.end(p, false, FirstGeneration, -1), protocol.InvalidTxnState)
	o.want(o.add(p, FirstGeneration), protocol.None, NoProducer)
	o.want(o.end(p, false, FirstGeneration, -1), protocol.None, p)
	o.finish()
	o.state(CompleteAbort)
	o.refused(o.end(p, true, FirstGeneration, -1), protocol.InvalidTxnState)
}

// KIP-890, part 2: each end bumps the epoch, markers carry the new one, and a request that is repeated with
// the old one is answered as before.
func TestSecondGenerationBumpsTheEpoch(t *testing.T) {
	o, p, next := newOwner(t), Producer{7, 0}, Producer{7, 1}
	o.want(o.init(nil, 7), protocol.None, p)
	o.refused(o.end(p, true, SecondGeneration, -1), protocol.InvalidTxnState)
	o.want(o.add(p, SecondGeneration), protocol.None, NoProducer)
	o.want(o.end(p, true, SecondGeneration, -1), protocol.None, next)
	if got := o.tx.Record().Producer; got != next {
		t.Errorf("markers carry %+v, want %+v", got, next)
	}
	o.refused(o.end(p, true, SecondGeneration, -1), protocol.ConcurrentTransactions)
	o.refused(o.end(next, true, SecondGeneration, -1), protocol.ConcurrentTransactions)
	o.finish()
	o.want(o.end(p, true, SecondGeneration, -1), protocol.None, next)
	o.refused(o.end(p, false, SecondGeneration, -1), protocol.InvalidTxnState)
	o.refused(o.end(next, true, SecondGeneration, -1), protocol.InvalidTxnState)
	o.refused(o.add(p, SecondGeneration), protocol.ProducerFenced)
	o.want(o.end(next, false, SecondGeneration, -1), protocol.None, Producer{7, 2}) // without partitions
	o.finish()
	o.want(o.end(next, false, SecondGeneration, -1), protocol.None, Producer{7, 2})
	o.refused(o.end(next, true, SecondGeneration, -1), protocol.InvalidTxnState)
	o.want(o.end(Producer{7, 2}, false, SecondGeneration, -1), protocol.None, Producer{7, 3})
}

func TestEndWithTheLastEpochGivesAFreshID(t *testing.T) {
	p := Producer{7, lastEpoch}
	o := restored(t, Record{Producer: p, Previous: 7, Next: -1, LastEpoch: -1, State: Empty, TimeoutMillis: minute})
	o.want(o.add(p, SecondGeneration), protocol.None, NoProducer)
	if step := o.end(p, true, SecondGeneration, NoProducerID); !step.NeedsID {
		t.Fatalf("got %+v, want a question for an id", step)
	}
	o.want(o.end(p, true, SecondGeneration, 8), protocol.None, Producer{8, 0})
	if got, want := o.tx.Record().Producer, (Producer{7, lastEpoch + 1}); got != want {
		t.Errorf("markers carry %+v, want %+v", got, want)
	}
	o.refused(o.add(Producer{8, 0}, SecondGeneration), protocol.ConcurrentTransactions)
	if _, code := o.tx.Verify(Producer{8, 0}, []Place{{"t", 1}}); code != protocol.ConcurrentTransactions {
		t.Errorf("got %v for the producer to come, want it to wait", code)
	}
	o.finish()
	o.want(o.end(p, true, SecondGeneration, -1), protocol.None, Producer{8, 0}) // the answer got lost
	o.want(o.add(Producer{8, 0}, SecondGeneration), protocol.None, NoProducer)
}

func TestOngoingTransactionIsAbortedForTheNextProducer(t *testing.T) {
	for generation, markers := range map[int16]int16{FirstGeneration: 1, SecondGeneration: 2} {
		o := newOwner(t)
		init := func(fresh int64) Step { return o.tx.Init(o.at, Init{minute, nil}, generation, fresh) }
		o.want(init(7), protocol.None, Producer{7, 0})
		o.want(o.add(Producer{7, 0}, generation), protocol.None, NoProducer)
		o.want(init(-1), protocol.ConcurrentTransactions, NoProducer)
		o.state(PrepareAbort)
		if got, want := o.tx.Record().Producer, (Producer{7, markers}); got != want {
			t.Errorf("markers carry %+v, want %+v", got, want)
		}
		o.refused(init(-1), protocol.ConcurrentTransactions)
		o.finish()
		for range 2 { // before the next producer comes again, and after it
			o.refused(o.end(Producer{7, 0}, true, generation, -1), protocol.ProducerFenced)
			o.refused(o.end(Producer{7, 0}, false, generation, -1), protocol.ProducerFenced)
			o.refused(o.tx.Init(o.at, Init{minute, &Producer{7, 0}}, generation, -1), protocol.ProducerFenced)
			markers++
			o.want(init(-1), protocol.None, Producer{7, markers})
		}
	}
}

func TestTransactionThatTakesTooLongIsAborted(t *testing.T) {
	o, p := newOwner(t), Producer{7, 0}
	o.want(o.init(nil, 7), protocol.None, p)
	if o.tx.TimedOut(o.at.Add(time.Hour)) {
		t.Error("an id without a transaction has timed out")
	}
	o.want(o.add(p, SecondGeneration), protocol.None, NoProducer)
	if o.tx.TimedOut(o.at.Add(time.Minute)) || !o.tx.TimedOut(o.at.Add(time.Minute+time.Millisecond)) {
		t.Error("the transaction does not time out after its minute")
	}
	o.want(o.tx.Abort(o.at, SecondGeneration, -1), protocol.None, NoProducer)
	o.finish()
	o.refused(o.end(p, true, SecondGeneration, -1), protocol.InvalidTxnState)
	o.refused(o.end(p, true, FirstGeneration, -1), protocol.ProducerFenced)
	o.want(o.end(p, false, SecondGeneration, -1), protocol.None, Producer{7, 1})
}

// KAFKA-20090: a transaction of the last epoch is fenced with the one above, and the id is changed.
func TestTransactionOfTheLastEpochIsFenced(t *testing.T) {
	p := Producer{7, lastEpoch}
	o := restored(t, Record{Producer: p, Previous: 7, Next: -1, State: Ongoing, Partitions: []Place{{"t", 1}}})
	if step := o.tx.Abort(o.at, SecondGeneration, NoProducerID); !step.NeedsID {
		t.Fatalf("got %+v, want a question for an id", step)
	}
	o.want(o.tx.Abort(o.at, SecondGeneration, 8), protocol.None, NoProducer)
	o.finish()
	if got, want := o.tx.Record().Producer, (Producer{8, 0}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}

	o = restored(t, Record{Producer: p, Previous: 7, Next: -1, State: Ongoing, Partitions: []Place{{"t", 1}}})
	o.want(o.tx.Abort(o.at, FirstGeneration, NoProducerID), protocol.None, NoProducer)
	o.finish()
	o.want(o.init(nil, 8), protocol.None, Producer{8, 0})
}

func TestPartitionsAreVerified(t *testing.T) {
	o, p := newOwner(t), Producer{7, 0}
	o.want(o.init(nil, 7), protocol.None, p)
	o.want(o.add(p, FirstGeneration), protocol.None, NoProducer)
	codes, code := o.tx.Verify(p, []Place{{"t", 1}, {"t", 2}})
	if code != protocol.None || codes[0] != protocol.None || codes[1] != protocol.TransactionAbortable {
		t.Errorf("got %v and %v", codes, code)
	}
	for wrong, want := range map[Producer]protocol.Code{
		{8, 0}: protocol.InvalidProducerIDMapping, {7, 1}: protocol.ProducerFenced,
	} {
		if _, code := o.tx.Verify(wrong, nil); code != want {
			t.Errorf("got %v for %+v, want %v", code, wrong, want)
		}
	}
	o.want(o.end(p, false, FirstGeneration, -1), protocol.None, p)
	if _, code := o.tx.Verify(p, nil); code != protocol.ConcurrentTransactions {
		t.Errorf("got %v while the transaction ends, want %v", code, protocol.ConcurrentTransactions)
	}
	o.finish()
	if codes, _ := o.tx.Verify(p, []Place{{"t", 1}}); codes[0] != protocol.TransactionAbortable {
		t.Errorf("got %v after the end, want %v", codes[0], protocol.TransactionAbortable)
	}
}

// Nothing changes before the record is committed, and nothing if it is not.
func TestWhatIsNotWrittenHasNotHappened(t *testing.T) {
	o, p := newOwner(t), Producer{7, 0}
	o.want(o.init(nil, 7), protocol.None, p)
	before := *o.tx.Record()
	if step := o.tx.Add(o.at, p, []Place{{"t", 1}}, FirstGeneration); !step.Write {
		t.Fatal("got nothing to write")
	}
	o.refused(o.add(p, FirstGeneration), protocol.ConcurrentTransactions)
	o.refused(o.init(nil, -1), protocol.ConcurrentTransactions)
	if gone := o.tx.Written(false); gone || o.tx.Record().State != before.State || len(o.tx.Record().Partitions) > 0 {
		t.Errorf("got %+v, want %+v", o.tx.Record(), before)
	}
	o.want(o.add(p, FirstGeneration), protocol.None, NoProducer)

	fresh := newOwner(t)
	if step := fresh.init(nil, 9); !step.Write {
		t.Fatal("got nothing to write")
	}
	if gone := fresh.tx.Written(false); !gone {
		t.Error("an id that was never written is kept")
	}
}

func TestUnusedIDsExpire(t *testing.T) {
	o := newOwner(t)
	o.want(o.init(nil, 7), protocol.None, Producer{7, 0})
	if o.tx.Expire(o.at.Add(time.Hour-time.Millisecond), time.Hour).Write {
		t.Error("the id expires too early")
	}
	if !o.tx.Expire(o.at.Add(time.Hour), time.Hour).Write {
		t.Fatal("the id does not expire")
	}
	o.refused(o.init(nil, -1), protocol.ConcurrentTransactions)
	if !o.tx.Written(true) {
		t.Error("the id is kept")
	}
	o = newOwner(t)
	o.want(o.init(nil, 7), protocol.None, Producer{7, 0})
	o.want(o.add(Producer{7, 0}, FirstGeneration), protocol.None, NoProducer)
	if o.tx.Expire(o.at.Add(time.Hour), time.Hour).Write {
		t.Error("an id with an ongoing transaction expires")
	}
}
