package partition

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestReplicasAgreeOnTransactions has two replicas take turns in leading. Producers begin transactions, write,
// come back with another epoch, are fenced and forgotten; coordinators end transactions, some of them late or
// twice; power fails. What a leader believes of its tail must be what the log comes to, and both replicas must
// come to the same.
func TestReplicasAgreeOnTransactions(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		p := newPair(t, seed, seen)
		for step := range 120 {
			if err := p.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
		if err := p.finish(); err != nil {
			t.Fatalf("seed %d at the end: %v", seed, err)
		}
	}
	t.Logf("seen: %v", seen)
	for _, what := range []string{
		"begun", "committed", "aborted", "fenced", "unverified", "expired", "deleted", "power failed", "another leader",
	} {
		if seen[what] == 0 {
			t.Errorf("the histories never came to: %s", what)
		}
	}
}

// pair is two replicas of one partition with the log that they apply.
type pair struct {
	rng      *rand.Rand
	seen     map[string]int
	replicas [2]*peer
	leader   int
	term     uint64
	preparer applier.Preparer
	entries  [][]byte
	now      int64
	writers  []*writer
}

// peer is one of the replicas.
type peer struct {
	fs      *vfs.Mem
	replica *Replica
	machine *Machine
	applied int
	state   []byte
	stateAt int
}

// writer is what a producer knows of itself.
type writer struct {
	epoch, coordinator int
	sequence           int32
}

func newPair(t *testing.T, seed uint64, seen map[string]int) *pair {
	p := &pair{rng: rand.New(rand.NewPCG(seed, 3)), seen: seen, now: 1_000_000}
	config := partitionlog.Config{
		RetentionBytes: -1, RetentionMs: -1, SegmentBytes: int64(300 + p.rng.IntN(2000)),
		IndexIntervalBytes: 100, MaxProducers: 4 + p.rng.IntN(10),
	}
	for range 6 {
		p.writers = append(p.writers, &writer{})
	}
	for i := range p.replicas {
		one := &peer{fs: vfs.NewMem()}
		if err := vfs.MkdirAllSync(one.fs, "topics"); err != nil {
			t.Fatal(err)
		}
		one.replica = NewReplica("orders", [16]byte{15: 200}, 3, 7, &Config{Log: config})
		one.replica.Dir = "topics/orders-3"
		p.replicas[i] = one
		if err := one.open(false); err != nil {
			t.Fatal(err)
		}
	}
	return p.lead(0)
}

func (one *peer) open(rebuild bool) (err error) {
	options := &Options{FS: one.fs, LogDir: "topics", Log: zerolog.Nop()}
	if !rebuild {
		one.replica = again(one.replica)
	}
	one.machine, err = OpenMachine(one.replica, options, one.state, rebuild)
	one.applied = one.stateAt
	return err
}

// apply brings a replica further.
func (p *pair) apply(one *peer, most int) error {
	var entries []applier.Entry
	for ; len(entries) < most && one.applied < len(p.entries); one.applied++ {
		data := slices.Clone(p.entries[one.applied])
		entries = append(entries, applier.Entry{Index: uint64(one.applied + 1), Data: data})
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := one.machine.Apply(entries)
	return err
}

// lead makes a replica that has applied everything the leader.
func (p *pair) lead(which int) *pair {
	p.leader = which
	p.term++
	p.preparer = p.replicas[which].machine.Lead(p.term)
	return p
}

func (p *pair) step() error {
	p.now += p.rng.Int64N(50)
	one := p.replicas[p.rng.IntN(2)]
	switch n := p.rng.IntN(100); {
	case n < 70:
		p.request()
		return nil
	case n < 86:
		return p.apply(one, 1+p.rng.IntN(10))
	case n < 91:
		return p.checkpoint(one)
	case n < 96:
		return p.fail(one)
	default:
		return p.handOver()
	}
}

// request proposes something.
func (p *pair) request() {
	id := p.rng.IntN(len(p.writers))
	w := p.writers[id]
	switch p.rng.IntN(12) {
	case 0:
		w.epoch, w.sequence = w.epoch+1, 0
	case 1, 2, 3:
		p.end(int64(id), w)
	case 4:
		p.propose("deleted", DeleteRecords{Offset: protocol.Offset(p.rng.IntN(len(p.entries) + 1))})
	case 5:
		p.propose("expired", ExpireProducers{Before: p.now - p.rng.Int64N(400)})
	default:
		p.write(int64(id), w)
	}
}

// end sends a marker, now and then one of an older producer or coordinator.
func (p *pair) end(id int64, w *writer) {
	version, epoch := int8(0), w.epoch-p.rng.IntN(2)*p.rng.IntN(2)
	if p.rng.IntN(2) == 0 {
		version, epoch = 2, epoch+1
	}
	if p.rng.IntN(4) == 0 {
		w.coordinator++
	}
	m := EndTransaction{
		TransactionMarker: partitionlog.TransactionMarker{
			ProducerID: id, ProducerEpoch: int16(max(0, epoch)), Version: version,
			CoordinatorEpoch: int32(w.coordinator - p.rng.IntN(2)),
		},
		Commit: p.rng.IntN(2) == 0, Time: p.now,
	}
	what := "aborted"
	if m.Commit {
		what = "committed"
	}
	if p.propose(what, m) && version == 2 {
		w.epoch, w.sequence = max(w.epoch, int(m.ProducerEpoch)), 0
	}
}

// write sends a batch, in a transaction or not.
func (p *pair) write(id int64, w *writer) {
	transactional := id < 4
	b := batch.Build(batch.Options{
		Transactional: transactional, Producer: &batch.Producer{ID: id, Epoch: int16(w.epoch), Sequence: w.sequence},
	}, batch.Record{Timestamp: p.now, Value: make([]byte, p.rng.IntN(60))})
	r := Append{Batch: b, AppendTime: -1}
	if transactional {
		v, err := p.replicas[p.leader].replica.Verify(id, int16(w.epoch), w.sequence, false, p.now)
		if err != nil {
			p.seen["fenced"]++
			return
		}
		if v != nil && p.rng.IntN(6) > 0 {
			v.Confirm(int16(w.epoch))
		}
		r.Verification = v
	}
	if p.propose("begun", r) {
		w.sequence++
	}
}

// propose offers a request to the leader and reports whether that takes it.
func (p *pair) propose(what string, request any) bool {
	prepared := p.preparer.Prepare(request)
	switch {
	case prepared.Data != nil:
		p.seen[what]++
		p.entries = append(p.entries, prepared.Data)
		return true
	case protocol.CodeOf(prepared.Err) == protocol.InvalidTxnState:
		p.seen["unverified"]++
	case prepared.Err != nil:
		p.seen["fenced"]++
	}
	return false
}

func (p *pair) checkpoint(one *peer) error {
	flush, err := one.machine.Capture()
	if err != nil {
		return err
	}
	at := one.applied
	if err := p.apply(one, p.rng.IntN(4)); err != nil {
		return err
	}
	state, err := flush()
	if err != nil {
		return err
	}
	one.state, one.stateAt = state, at
	one.machine.Checkpointed(state)
	return nil
}

// fail cuts the power of a replica, or rebuilds it. If it led, the other one takes over.
func (p *pair) fail(one *peer) error {
	rebuild := p.rng.IntN(3) == 0
	if !rebuild {
		one.fs = one.fs.CrashClone(p.rng)
		p.seen["power failed"]++
	}
	one.machine.Close()
	if err := one.open(rebuild); err != nil {
		return err
	}
	if one == p.replicas[p.leader] {
		return p.handOver()
	}
	return nil
}

// handOver lets the other replica lead. It has all entries, and applies them first.
func (p *pair) handOver() error {
	next := 1 - p.leader
	if err := p.apply(p.replicas[next], len(p.entries)); err != nil {
		return err
	}
	p.seen["another leader"]++
	p.lead(next)
	return nil
}

// finish applies everything everywhere and compares.
func (p *pair) finish() error {
	for _, one := range p.replicas {
		if err := p.apply(one, len(p.entries)); err != nil {
			return err
		}
	}
	a, b := p.replicas[0], p.replicas[1]
	if want := describe(p.preparer.(*Preparer).producers); want != describe(a.machine.log.Producers()) {
		return fmt.Errorf("the leader believes %s, want %s", want, describe(a.machine.log.Producers()))
	}
	if describe(a.machine.log.Producers()) != describe(b.machine.log.Producers()) {
		return errors.New("the producers of the replicas differ")
	}
	v, w := a.replica.View(), b.replica.View()
	if v.Start() != w.Start() || v.End() != w.End() || v.LastStable() != w.LastStable() {
		return fmt.Errorf("got %d, %d, %d and %d, %d, %d", v.Start(), v.LastStable(), v.End(),
			w.Start(), w.LastStable(), w.End())
	}
	for from := v.Start(); from < v.LastStable(); from++ {
		x, errA := p.abortedFrom(v, from)
		y, errB := p.abortedFrom(w, from)
		if err := errors.Join(errA, errB); err != nil || !slices.Equal(x, y) {
			return fmt.Errorf("aborted from %d: got %v and %v, %w", from, x, y, err)
		}
	}
	return nil
}

// abortedFrom returns the aborted transactions from an offset to the end of its segment, each with the first of
// its records that is still there: a replica whose index was lost knows of no others.
func (p *pair) abortedFrom(v *partitionlog.View, from protocol.Offset,
) ([]partitionlog.AbortedTransaction, error) {
	r, err := v.ReadCommitted(from, 1<<20, true)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	aborted, err := v.Aborted(from, r)
	for i, one := range aborted {
		aborted[i].FirstOffset = p.firstRecord(one.ProducerID, max(one.FirstOffset, v.Start()))
	}
	return aborted, err
}

// firstRecord returns the first offset at or after one at which a producer wrote a record.
func (p *pair) firstRecord(producer int64, from protocol.Offset) protocol.Offset {
	for _, data := range p.entries {
		if isCommand(data) {
			continue
		}
		if b := batch.Batch(data); b.ProducerID() == producer && b.BaseOffset() >= from && !b.IsControl() {
			return b.BaseOffset()
		}
	}
	return protocol.NoOffset
}

// describe returns all that a table knows.
func describe(t *partitionlog.Producers) string {
	var all []string
	t.Each(func(p partitionlog.ProducerState) { all = append(all, fmt.Sprintf("%+v", p)) })
	slices.Sort(all)
	return fmt.Sprint(all)
}
