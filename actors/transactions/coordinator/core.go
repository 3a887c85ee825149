package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// Settings are the rules for transactions.
type Settings struct {
	MaxTimeout time.Duration // that a producer may ask for
	Retention  time.Duration // of ids that nobody uses
	MaxIDs     int           // of one coordinator; 0: as many as come
	Generation func() int16  // what the cluster works with: the level of transaction.version
}

// maxNeedy bounds the requests that wait for a producer id.
const maxNeedy = 1000

// ticket is a request that waits for its answer. 0 stands for nobody.
type ticket uint64

// request is something to be done about an id.
type request struct {
	ticket ticket
	id     string
	body   any
}

// abort is the body of a request that ends a transaction which has taken too long.
type abort struct{}

// answer is an answer to a ticket.
type answer struct {
	ticket ticket
	code   protocol.Code
	result any
}

// write is a record to be written; nil removes the id.
type write struct {
	token  uint64
	id     string
	record *transaction.Record
}

// marker tells one partition how a transaction ended.
type marker struct {
	id         string
	place      transaction.Place
	producer   transaction.Producer
	commit     bool
	generation int16
}

// core is the ids of one partition of __transaction_state as a machine: requests go in; answers, records to
// be written, markers to be sent and questions for producer ids come out. It knows no actor.
//
// Invariants: what writing holds has been given to the log and is not known to be committed. A marker is
// given out once for each partition of a transaction whose end is committed, and comes back once with
// marked.
type core struct {
	settings     *Settings
	transactions map[string]*transaction.Transaction
	writing      map[uint64]writing
	needy        map[uint64]request  // requests that wait for a producer id
	unfinished   map[string]struct{} // ids whose last record could not be written
	last         uint64              // token of a write, or number of a needy request
	parked       parked              // requests that wait for the end of a transaction
	held         held                // answers that wait until the partitions know

	answers []answer
	writes  []write
	needs   []uint64
	markers []marker
	counts  counts
}

// writing is what follows from a write.
type writing struct {
	ticket ticket
	id     string
	step   transaction.Step
	late   bool // it ends a transaction that has taken too long
}

func newCore(settings *Settings) *core {
	return &core{
		settings: settings, transactions: map[string]*transaction.Transaction{},
		writing: map[uint64]writing{}, needy: map[uint64]request{}, unfinished: map[string]struct{}{},
		parked: newParked(),
	}
}

// load takes over what the log says of an id; a nil record says that it is gone.
func (c *core) load(id string, r *transaction.Record) {
	if before := c.transactions[id]; before != nil && before.Record().State.Open() {
		c.counts.ongoing--
	}
	if r == nil {
		delete(c.transactions, id)
		return
	}
	c.transactions[id] = transaction.Restore(*r)
	if r.State.Open() {
		c.counts.ongoing++
	}
}

// resume carries on with the ends that were decided before.
func (c *core) resume(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(c.transactions)) {
		c.mark(now, id)
	}
}

// ask handles a request of a client or a broker.
func (c *core) ask(now time.Time, t ticket, id string, body any) {
	r := request{t, id, body}
	if known := c.transactions[id]; known != nil && known.Ending() && waits(body) && c.parked.add(now, r) {
		return
	}
	c.handle(now, r, transaction.NoProducerID)
}

// handle handles a request, with a producer id that nobody has if it needed one.
func (c *core) handle(now time.Time, r request, fresh int64) {
	t := c.transactions[r.id]
	if init, is := r.body.(transaction.Init); is {
		c.init(now, r, init, t, fresh)
		return
	}
	if t == nil {
		c.answer(r.ticket, missing(r.body), nil)
		return
	}
	switch body := r.body.(type) {
	case Add:
		c.proceed(r, t, t.Add(now, body.Producer, body.Places, body.Generation))
	case transaction.End:
		c.proceed(r, t, t.End(now, body, fresh))
	case abort:
		c.proceed(r, t, t.Abort(now, c.settings.Generation(), fresh))
	case Verify:
		codes, code := t.Verify(body.Producer, body.Places)
		if code != protocol.None {
			c.answer(r.ticket, code, nil)
			return
		}
		c.answer(r.ticket, code, codes)
	case Describe:
		c.answer(r.ticket, protocol.None, Description{*t.Record(), t.Unmarked()})
	}
}

// missing is the code for a request about an id that does not exist.
func missing(body any) protocol.Code {
	if _, is := body.(Describe); is {
		return protocol.TransactionalIDNotFound
	}
	return protocol.InvalidProducerIDMapping
}

// init makes the id if there is none. One that is only waiting for a producer id is not kept.
func (c *core) init(now time.Time, r request, body transaction.Init, t *transaction.Transaction, fresh int64,
) {
	longest := c.settings.MaxTimeout.Milliseconds()
	switch {
	case body.TimeoutMillis <= 0 || int64(body.TimeoutMillis) > longest:
		c.answer(r.ticket, protocol.InvalidTransactionTimeout, nil)
		return
	case t == nil && c.settings.MaxIDs > 0 && len(c.transactions) >= c.settings.MaxIDs:
		c.answer(r.ticket, protocol.CoordinatorNotAvailable, nil)
		return
	case t == nil:
		t = transaction.New()
	}
	c.proceed(r, t, t.Init(now, body, c.settings.Generation(), fresh))
}

// proceed does what follows from a request.
func (c *core) proceed(r request, t *transaction.Transaction, step transaction.Step) {
	switch {
	case step.NeedsID && len(c.needy) >= maxNeedy:
		c.answer(r.ticket, protocol.CoordinatorLoadInProgress, nil)
	case step.NeedsID:
		c.last++
		c.needy[c.last] = r
		c.needs = append(c.needs, c.last)
	case step.Write:
		c.transactions[r.id] = t
		c.give(r, t, step)
	case step.Code != protocol.None:
		c.answer(r.ticket, step.Code, nil)
	default:
		c.answer(r.ticket, protocol.None, step.Producer)
	}
}

// give hands the next record of an id to the log.
func (c *core) give(r request, t *transaction.Transaction, step transaction.Step) {
	record, _ := t.Pending()
	c.last++
	_, late := r.body.(abort)
	c.writing[c.last] = writing{r.ticket, r.id, step, late}
	c.writes = append(c.writes, write{c.last, r.id, record})
}

// allocated goes on with a request that needed a producer id. Kafka tells clients to try again when there is
// none by the code of a coordinator that is loading.
func (c *core) allocated(now time.Time, number uint64, id int64, ok bool) {
	r, waits := c.needy[number]
	if !waits {
		return
	}
	delete(c.needy, number)
	if !ok {
		c.answer(r.ticket, protocol.CoordinatorLoadInProgress, nil)
		return
	}
	c.handle(now, r, id)
}

// written makes true what has been committed, or tells why it was not.
func (c *core) written(now time.Time, token uint64, code protocol.Code) {
	w, open := c.writing[token]
	if !open {
		return
	}
	delete(c.writing, token)
	t := c.transactions[w.id]
	before := t.Record().State.Open()
	if gone := t.Written(code == protocol.None); gone {
		delete(c.transactions, w.id)
	}
	c.count(w, before, code)
	switch {
	case code != protocol.None:
		c.answer(w.ticket, code, nil)
		if t.Record().State.Prepared() {
			c.unfinished[w.id] = struct{}{}
		}
		return
	case w.step.Code != protocol.None:
		c.answer(w.ticket, w.step.Code, nil)
	case t.Record().State.Prepared():
		c.held.add(now, w.id, answer{w.ticket, protocol.None, w.step.Producer})
	default:
		c.answer(w.ticket, protocol.None, w.step.Producer)
	}
	c.mark(now, w.id)
	c.unpark(now, w.id)
}

// mark gives out the markers of an end that has been decided.
func (c *core) mark(now time.Time, id string) {
	t := c.transactions[id]
	if t == nil || !t.Record().State.Prepared() {
		return
	}
	r := t.Record()
	for _, place := range t.Unmarked() {
		c.markers = append(c.markers, marker{
			id: id, place: place, producer: r.Producer, commit: r.State == transaction.PrepareCommit,
			generation: r.ClientVersion,
		})
	}
	c.finish(now, id)
}

// marked notes that a partition knows how the transaction ended, or is gone.
func (c *core) marked(now time.Time, id string, place transaction.Place) {
	if t := c.transactions[id]; t != nil {
		t.Marked(place)
		c.finish(now, id)
	}
}

// finish tells the client and the log that all partitions know, once they do.
func (c *core) finish(now time.Time, id string) {
	t := c.transactions[id]
	if step := t.Complete(now); step.Write {
		c.release(id)
		c.give(request{id: id}, t, step)
	}
}

// retry writes again what could not be written.
func (c *core) retry(now time.Time) {
	ids := slices.Sorted(maps.Keys(c.unfinished))
	clear(c.unfinished)
	for _, id := range ids {
		if c.transactions[id] != nil {
			c.finish(now, id)
		}
	}
}

// abortLate aborts the transactions that have taken too long.
func (c *core) abortLate(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(c.transactions)) {
		if t := c.transactions[id]; t != nil && t.TimedOut(now) {
			c.handle(now, request{id: id, body: abort{}}, transaction.NoProducerID)
		}
	}
}

// expire removes the ids that nobody has used for long.
func (c *core) expire(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(c.transactions)) {
		t := c.transactions[id]
		if step := t.Expire(now, c.settings.Retention); step.Write {
			c.give(request{id: id}, t, step)
		}
	}
}

// list returns what a list shows of the ids.
func (c *core) list(keep func(*Summary) bool) []Summary {
	var found []Summary
	for _, id := range slices.Sorted(maps.Keys(c.transactions)) {
		t := c.transactions[id]
		r := t.Record()
		one := Summary{ID: id, ProducerID: r.Producer.ID, State: r.State, Started: r.Started}
		if t.Recorded() && keep(&one) {
			found = append(found, one)
		}
	}
	return found
}

func (c *core) answer(t ticket, code protocol.Code, result any) {
	if t != 0 {
		c.answers = append(c.answers, answer{t, code, result})
	}
}

// effects is what the core has brought about.
type effects struct {
	answers []answer
	writes  []write
	needs   []uint64
	markers []marker
}

// take returns what is to be done and forgets it.
func (c *core) take() effects {
	e := effects{c.answers, c.writes, c.needs, c.markers}
	c.answers, c.writes, c.needs, c.markers = nil, nil, nil, nil
	return e
}
