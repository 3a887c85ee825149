package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestRestoresAgreeWithAModel has three replicas of one log that apply the same commands, fall behind, bring
// each other up to date piece by piece, are interrupted, crash, are rebuilt and have failing disks. Whatever
// a replica holds must be what was committed, its producer table that of the batches it stands for, and in
// the end all must be the same.
func TestRestoresAgreeWithAModel(t *testing.T) {
	seeds := uint64(600)
	if testing.Short() {
		seeds = 40
	}
	total := map[string]int{}
	for seed := range seeds {
		c := newCluster(t, seed)
		if err := c.run(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for what, n := range c.seen {
			total[what] += n
		}
	}
	t.Logf("seen: %v", total)
	for _, what := range []string{
		"anew", "appended", "interrupted", "restored", "crash while behind", "crash after restored",
		"repeated", "damaged piece", "old view",
	} {
		if total[what] == 0 {
			t.Errorf("the histories never came to: %s", what)
		}
	}
}

// cluster is the replicas and what is committed.
type cluster struct {
	rng      *rand.Rand
	replicas []*replica
	limit    int // of producers
	commands []command
	batches  []batch.Batch
	start    protocol.Offset
	now      int64
	epoch    protocol.LeaderEpoch
	seen     map[string]int
}

// replica is one log with what its write-ahead log knows.
type replica struct {
	*cluster
	fs      *vfs.Mem
	log     *Log
	config  Config
	failIn  int
	applied int

	state   State
	stateAt int
	pending func() (State, error)
	pendAt  int

	source   *Source // of a restore under way
	sourceAt int     // the commands it stands for
	first    bool
	whole    bool // the last piece has come
	old      []*View
}

func newCluster(t *testing.T, seed uint64) *cluster {
	c := &cluster{rng: rand.New(rand.NewPCG(seed, 2)), now: 1000, seen: map[string]int{}}
	c.limit = 3 + c.rng.IntN(20)
	for range 3 {
		r := &replica{cluster: c, fs: newMem(t)}
		r.config = r.randomConfig()
		r.log = openLog(t, r.disk(), r.config, nil, Boot)
		c.replicas = append(c.replicas, r)
	}
	return c
}

func (r *replica) randomConfig() Config {
	w := world{rng: r.rng}
	config := w.randomConfig()
	config.MaxProducers = r.limit
	return config
}

func (r *replica) disk() vfs.FS {
	w := world{rng: r.rng, fs: r.fs}
	return vfs.NewFaulty(w.fs, func(op vfs.Op) error {
		switch op.Kind {
		case vfs.OpOpen, vfs.OpRead, vfs.OpStat, vfs.OpList:
			return nil
		}
		if r.failIn == 0 {
			return nil
		}
		if r.failIn > 1 {
			r.failIn--
			return nil
		}
		if op.Kind == vfs.OpWrite && op.Length > 0 {
			return &vfs.ShortWrite{Bytes: r.rng.IntN(op.Length), Err: vfs.ErrInjected}
		}
		return vfs.ErrInjected
	})
}

func (c *cluster) run() error {
	for step := range 150 {
		if c.rng.IntN(3) == 0 {
			c.commit()
			continue
		}
		r := c.replicas[c.rng.IntN(len(c.replicas))]
		name, err := r.step()
		if errors.Is(err, vfs.ErrInjected) {
			name, err = name+" with a failing disk", r.recover()
		}
		if err == nil {
			err = r.compare()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", step, name, err)
		}
	}
	for i, r := range c.replicas {
		if err := r.finish(); err != nil {
			return fmt.Errorf("replica %d at the end: %w", i, err)
		}
	}
	return nil
}

// commit adds a command to the replicated log.
func (c *cluster) commit() {
	if c.rng.IntN(5) == 0 {
		c.start += protocol.Offset(c.rng.Int64N(int64(c.end()-c.start) + 1))
		if c.rng.IntN(6) == 0 {
			c.start = c.end()
		}
		c.commands = append(c.commands, command{start: c.start})
		return
	}
	c.now += c.rng.Int64N(30)
	if c.rng.IntN(8) == 0 {
		c.commands = append(c.commands, command{expire: c.now - c.rng.Int64N(200), at: c.end()})
		return
	}
	if c.rng.IntN(6) == 0 {
		c.epoch++
	}
	b := randomBatch(c.rng, c.end(), c.epoch, c.now)
	c.batches = append(c.batches, b)
	c.commands = append(c.commands, command{batches: []batch.Batch{b}})
}

func (c *cluster) end() protocol.Offset {
	if len(c.batches) == 0 {
		return 0
	}
	return c.batches[len(c.batches)-1].NextOffset()
}

func (r *replica) step() (string, error) {
	switch n := r.rng.IntN(100); {
	case n < 30:
		return "apply", r.apply(1 + r.rng.IntN(4))
	case n < 40:
		return "share", r.share()
	case n < 70:
		return "restore", r.restore()
	case n < 78:
		return "capture", r.capture()
	case n < 86:
		return "flush", r.flush()
	case n < 91:
		return "crash", r.crash()
	case n < 95:
		return "rebuild", r.rebuild()
	case n < 97:
		r.failIn = 1 + r.rng.IntN(10)
		return "disk begins to fail", nil
	default:
		return "reconfigure", r.log.Reconfigure(r.randomConfig())
	}
}

func (r *replica) recover() error {
	r.failIn = 0
	if r.rng.IntN(2) == 0 {
		return r.crash()
	}
	return r.rebuild()
}

// apply applies more of the commands, as the applier would.
func (r *replica) apply(n int) error {
	if r.rng.IntN(4) == 0 {
		r.old = append(r.old, r.log.View())
	}
	for ; n > 0 && r.applied < len(r.commands); n-- {
		c := r.commands[r.applied]
		if c.expire != 0 {
			if behind := r.log.producersEnd > c.at; behind && r.log.ExpireProducers(c.at, c.expire) > 0 {
				return errors.New("a log that is ahead let producers expire")
			}
			r.log.ExpireProducers(c.at, c.expire)
		} else if c.batches == nil {
			if err := r.log.AdvanceStart(c.start); err != nil {
				return err
			}
		} else if rest := r.log.Repeat(c.batches); len(rest) > 0 {
			if err := r.log.Append(rest); err != nil {
				return err
			}
		} else {
			r.seen["repeated"]++
		}
		r.applied++
	}
	return nil
}

// share begins to copy from a replica that is ahead, whatever was under way.
func (r *replica) share() error {
	for _, i := range r.rng.Perm(len(r.replicas)) {
		other := r.replicas[i]
		if other.applied <= r.applied || other.log.Behind() && other.rngRarely() {
			continue
		}
		if r.source != nil {
			r.interrupt()
		}
		source, err := other.log.Share(r.log.Have())
		if err != nil {
			return fmt.Errorf("share: %w", err)
		}
		source.limit = 50 + r.rng.IntN(600)
		r.source, r.sourceAt, r.first, r.whole = source, other.applied, true, false
		return nil
	}
	return nil
}

// rngRarely makes most sources those of replicas that could lead.
func (c *cluster) rngRarely() bool { return c.rng.IntN(4) > 0 }

func (r *replica) interrupt() {
	if r.source != nil {
		r.seen["interrupted"]++
		r.source.Close()
	}
	r.source = nil
}

// restore moves pieces, and takes over what the last one completes.
func (r *replica) restore() error {
	for range 1 + r.rng.IntN(4) {
		if r.source == nil || r.sourceAt <= r.applied {
			r.interrupt()
			return nil
		}
		if r.whole {
			return r.restored()
		}
		if err := r.piece(); err != nil {
			return err
		}
	}
	return nil
}

func (r *replica) piece() error {
	piece, err := r.source.Next()
	switch {
	case errors.Is(err, io.EOF):
		r.whole = true
		return nil
	case errors.Is(err, ErrOffsetOutOfRange), vfs.IsNotExist(err), errors.Is(err, vfs.ErrInjected):
		r.interrupt() // retention or a crash over there
		return nil
	case err != nil:
		return fmt.Errorf("next piece: %w", err)
	}
	if r.rng.IntN(40) == 0 {
		piece[r.rng.IntN(len(piece))] ^= 1 << r.rng.IntN(8)
		r.seen["damaged piece"]++
		if err := r.log.Restore(piece, r.first); !errors.Is(err, ErrSource) && r.log.usable() == nil {
			return fmt.Errorf("a damaged piece: got %w", err)
		}
		r.interrupt()
		return nil
	}
	before := r.log.View()
	if err := r.log.Restore(piece, r.first); err != nil {
		return err
	}
	r.first = false
	if v := r.log.View(); v.Start() > before.End() {
		r.seen["anew"]++
		r.old = append(r.old, before)
	} else if v.End() > before.End() {
		r.seen["appended"]++
	}
	return nil
}

// restored ends a restore. The machine's state goes into the write-ahead log, unless the power fails before.
func (r *replica) restored() error {
	s, err := r.log.Restored()
	if err != nil {
		return err
	}
	r.source.Close()
	r.source = nil
	r.seen["restored"]++
	if r.rng.IntN(6) == 0 {
		r.seen["crash after restored"]++
		return r.crash()
	}
	r.state, r.stateAt, r.applied = s, r.sourceAt, r.sourceAt
	if r.rng.IntN(6) == 0 {
		r.seen["crash after restored"]++
		return r.crash()
	}
	return r.log.Checkpointed(s)
}

func (r *replica) capture() error {
	flush, err := r.log.Capture()
	r.pending, r.pendAt = flush, r.applied
	return err
}

// flush runs the captured flush, which may be from before a restore; then its state comes too late.
func (r *replica) flush() error {
	if r.pending == nil {
		return nil
	}
	s, err := r.pending()
	if err != nil {
		return err
	}
	r.pending = nil
	if r.pendAt < r.stateAt {
		return nil
	}
	if r.rng.IntN(6) == 0 {
		return r.crash()
	}
	r.state, r.stateAt = s, r.pendAt
	if r.rng.IntN(6) == 0 {
		return r.crash()
	}
	return r.log.Checkpointed(s)
}

func (r *replica) crash() error {
	if r.log != nil && r.log.Behind() {
		r.seen["crash while behind"]++
	}
	r.interrupt()
	r.fs = r.fs.CrashClone(r.rng)
	r.old, r.pending, r.config = nil, nil, r.randomConfig()
	return r.open(Boot)
}

// rebuild stands for an actor crash.
func (r *replica) rebuild() error {
	r.interrupt()
	r.pending = nil
	if r.log != nil {
		r.old = append(r.old, r.log.View())
		if r.rng.IntN(2) == 0 {
			if err := r.log.Close(); err != nil {
				return err
			}
		}
	}
	return r.open(Rebuild)
}

func (r *replica) open(how Mode) error {
	log, err := Open(r.disk(), testDir, r.config, r.state, how)
	if err != nil {
		return fmt.Errorf("open at the state of %d commands: %w", r.stateAt, err)
	}
	r.log, r.applied = log, r.stateAt
	return nil
}

// isTable tells whether a table is that of the batches below an offset. Whether those have expired that do so
// right before the next record is open.
func (c *cluster) isTable(got *Producers, end protocol.Offset) bool {
	t := NewProducers(c.limit)
	for _, one := range c.commands {
		switch {
		case one.batches != nil && one.batches[0].BaseOffset() < end:
			t.Update(one.batches[0])
		case one.expire != 0 && one.at == end && bytes.Equal(encodeSnapshot(got), encodeSnapshot(t)):
			return true
		case one.expire != 0 && one.at <= end:
			t.Expire(one.expire)
		}
	}
	return bytes.Equal(encodeSnapshot(got), encodeSnapshot(t))
}

// least returns what a replica that has applied so many commands must at least have.
func (c *cluster) least(applied int) (start, end protocol.Offset) {
	for _, one := range c.commands[:applied] {
		start = max(start, one.start)
		if one.batches != nil {
			end = one.batches[0].NextOffset()
		}
	}
	return start, end
}

// between returns the batches that a view from start to end shows.
func (c *cluster) between(start, end protocol.Offset) []batch.Batch {
	from := sort.Search(len(c.batches), func(i int) bool { return c.batches[i].LastOffset() >= start })
	to := sort.Search(len(c.batches), func(i int) bool { return c.batches[i].BaseOffset() >= end })
	return c.batches[from:max(from, to)]
}

func (r *replica) compare() error {
	v := r.log.View()
	if start, end := r.least(r.applied); v.Start() < start || v.End() < end {
		return fmt.Errorf("got %d to %d, want at least %d to %d", v.Start(), v.End(), start, end)
	}
	if !r.isTable(r.log.producers, r.log.producersEnd) {
		return fmt.Errorf("the producer table is not that of the batches below %d", r.log.producersEnd)
	}
	if r.rng.IntN(3) > 0 {
		return nil
	}
	want := r.between(v.Start(), v.End())
	got, err := readAll(v, v.Start(), 1+r.rng.IntN(2000))
	if err == nil {
		err = sameBatches(got, want)
	}
	if err != nil {
		return err
	}
	if err := r.compareCommitted(v); err != nil {
		return err
	}
	for _, b := range want {
		if epoch := v.EpochAt(max(b.BaseOffset(), v.Start())); epoch != b.LeaderEpoch() {
			return fmt.Errorf("epoch at %d: got %d, want %d", b.BaseOffset(), epoch, b.LeaderEpoch())
		}
	}
	return r.compareOld()
}

// compareCommitted knows that a log which began anew in the middle of a transaction takes the first record that
// it has for its first, until it gets the producer table.
func (r *replica) compareCommitted(v *View) error {
	want := transactionsOf(r.between(0, v.End()))
	lowest := want.stable(v.Start(), v.End())
	highest := transactionsOf(r.between(v.Start(), v.End())).stable(v.Start(), v.End())
	if stable := v.LastStable(); stable < lowest || stable > highest || !r.log.Behind() && stable != lowest {
		return fmt.Errorf("got last stable offset %d, want %d (or up to %d)", stable, lowest, highest)
	}
	from := v.Start() + protocol.Offset(r.rng.Int64N(int64(v.End()-v.Start())+1))
	return want.check(v, from, 1+r.rng.IntN(1000))
}

// compareOld reads through older views. What they show may be gone, but never be something else.
func (r *replica) compareOld() error {
	for _, v := range r.old {
		got, err := readAll(v, v.Start(), 200)
		if errors.Is(err, ErrOffsetOutOfRange) || vfs.IsNotExist(err) {
			err = nil
		} else if err == nil {
			r.seen["old view"]++
		}
		if err != nil {
			return fmt.Errorf("old view: %w", err)
		}
		want := r.between(v.Start(), v.End())
		if err := sameBatches(got, want[:len(got)]); err != nil {
			return fmt.Errorf("old view: %w", err)
		}
	}
	return nil
}

// finish brings a replica to the end, checkpoints it, cuts the power and compares everything that there is.
func (r *replica) finish() error {
	r.failIn = 0
	if err := r.log.usable(); err != nil {
		if err := r.rebuild(); err != nil {
			return err
		}
	}
	if err := r.apply(len(r.commands)); err != nil {
		return err
	}
	flush, err := r.log.Capture()
	if err != nil {
		return err
	}
	if r.state, err = flush(); err != nil {
		return err
	}
	r.stateAt = r.applied
	if err := r.log.Checkpointed(r.state); err != nil {
		return err
	}
	if err := r.crash(); err != nil {
		return err
	}
	v := r.log.View()
	if v.Start() != r.start || v.End() != r.end() || r.log.Behind() {
		return fmt.Errorf("got %d to %d (behind: %v), want %d to %d",
			v.Start(), v.End(), r.log.Behind(), r.start, r.end())
	}
	if err := r.compare(); err != nil {
		return err
	}
	if other := r.replicas[0]; !slices.Equal(r.log.epochs, other.log.epochs) {
		return fmt.Errorf("got epochs %v, and %v at replica 0", r.log.epochs, other.log.epochs)
	}
	return r.compareFiles()
}

// compareFiles looks for segments that nobody needs.
func (r *replica) compareFiles() error {
	names, err := r.fs.List(testDir)
	if err != nil {
		return err
	}
	var want []string
	for _, s := range r.log.segments {
		want = append(want, fileName(s.base, suffixLog))
	}
	for _, name := range names {
		if strings.HasSuffix(name, suffixLog) && !slices.Contains(want, name) {
			return fmt.Errorf("got file %s, want none but %v", name, want)
		}
	}
	return nil
}
