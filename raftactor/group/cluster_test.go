package group

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random tests; 0: a new one")

func newSeed(t testing.TB) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return seed
}

// cluster is three cores, a network that drops, repeats and reorders, and disks that are late. It checks
// what Raft promises: all machines apply the same entries in the same order, a term has one leader, and
// a proposal that was answered with a result is never lost. And what this package promises: each proposal
// is answered exactly once, and each Preparer sees what the machine will see.
type cluster struct {
	t        *testing.T
	random   *rand.Rand
	replicas []*replica
	voters   []uint64
	network  []*raftpb.Message
	chaos    bool
	rivals   bool // everybody campaigns and dies all the time: for the rules of elections

	committed map[uint64]record // by index, as first applied anywhere
	seen      map[uint64]int    // replica → records already compared
	open      map[uint64]string // proposals without an answer, by token
	acked     map[string]any    // results of the requests that were answered with one
	token     uint64
	counts    map[string]int
}

func newCluster(t *testing.T, seed uint64, size int) *cluster {
	c := &cluster{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), chaos: true, committed: map[uint64]record{},
		seen: map[uint64]int{}, open: map[uint64]string{}, acked: map[string]any{}, counts: map[string]int{},
	}
	leaders := map[uint64]uint64{}
	for id := range uint64(size) {
		c.voters = append(c.voters, id+1)
	}
	for _, id := range c.voters {
		r := &replica{id: id, leaders: leaders, answer: c.answered}
		c.replicas = append(c.replicas, r)
		c.boot(r)
	}
	return c
}

func (c *cluster) boot(r *replica) {
	if err := r.boot(c.voters); err != nil {
		c.t.Fatalf("boot replica %d: %v", r.id, err)
	}
	c.seen[r.id] = 0
	c.check(r)
}

func (c *cluster) answered(token uint64, p Proposed) {
	request, ok := c.open[token]
	if !ok {
		c.t.Fatalf("second answer to %d: %+v", token, p)
	}
	delete(c.open, token)
	var notLeader ErrNotLeader
	switch {
	case p.Err == nil:
		c.acked[request] = p.Result
		c.counts["acked"]++
	case errors.Is(p.Err, ErrLostLeadership):
		c.counts["unknown"]++
	case errors.As(p.Err, &notLeader):
		c.counts["not leader"]++
	default:
		c.counts["other"]++
	}
}

// check compares what a machine has applied with what others have.
func (c *cluster) check(r *replica) {
	for _, rec := range r.machine.applied[c.seen[r.id]:] {
		if other, ok := c.committed[rec.index]; ok && other != rec {
			c.t.Fatalf("replica %d applied %+v, another %+v", r.id, rec, other)
		}
		c.committed[rec.index] = rec
	}
	c.seen[r.id] = len(r.machine.applied)
}

// step lets one random thing happen.
func (c *cluster) step() {
	r := c.replicas[c.random.IntN(len(c.replicas))]
	if c.rivals && c.random.IntN(30) == 0 {
		switch c.random.IntN(3) {
		case 0:
			c.losePower(r)
		case 1:
			c.crash(r)
		default:
			for range 2 * electionTicks {
				r.core.Tick() // its leases and timeouts run out
			}
			r.run()
			c.collect(r)
		}
		return
	}
	switch n := c.random.IntN(10000); {
	case n < 4500:
		c.deliver()
	case n < 6500:
		if len(r.disk.flying) > 0 {
			r.appended()
		}
	case n < 7800:
		if len(r.applies) > 0 {
			r.apply()
			c.check(r)
		}
	case n < 8600:
		r.core.Tick()
		r.run()
	case n < 9940:
		c.propose(r)
	case n < 9950:
		c.crash(r)
	case n < 9958:
		c.losePower(r)
	case n < 9970:
		r.core.Unreachable(c.voters[c.random.IntN(len(c.voters))])
		r.run()
	case n < 9980:
		c.changeMembers(r)
	default:
		c.checkpoint(r)
	}
	c.collect(r)
}

// changeMembers lets a leader turn a voter into a learner or back, through a joint configuration. The
// leader may pick itself.
func (c *cluster) changeMembers(r *replica) {
	if r.core.preparer == nil || len(c.voters) == 1 {
		return
	}
	conf := new(raftpb.ConfState)
	if err := proto.Unmarshal(r.machine.conf, conf); err != nil {
		c.t.Fatal(err)
	}
	change := &raftpb.ConfChangeV2{}
	add := func(kind raftpb.ConfChangeType, id uint64) {
		change.Changes = append(change.Changes, &raftpb.ConfChangeSingle{Type: kind.Enum(), NodeId: &id})
	}
	if learners := conf.GetLearners(); len(learners) > 0 {
		add(raftpb.ConfChangeAddNode, learners[0])
	} else {
		add(raftpb.ConfChangeAddLearnerNode, c.voters[c.random.IntN(len(c.voters))])
	}
	change.Transition = raftpb.ConfChangeTransitionJointImplicit.Enum()
	if r.core.node.ProposeConfChange(change) == nil {
		c.counts["membership"]++
	}
	r.core.dirty = true
	r.run()
}

func (c *cluster) collect(r *replica) {
	c.network = append(c.network, r.outbox...)
	r.outbox = nil
}

// deliver takes a random message from the network, or loses it, or delivers it and keeps it.
func (c *cluster) deliver() {
	if len(c.network) == 0 {
		return
	}
	i := 0
	if c.chaos && c.random.IntN(4) == 0 {
		i = c.random.IntN(len(c.network))
	}
	m := c.network[i]
	if !c.chaos || c.random.IntN(50) > 0 {
		c.network = append(c.network[:i:i], c.network[i+1:]...)
	}
	if c.chaos && c.random.IntN(12) == 0 {
		return
	}
	to := c.replicas[m.GetTo()-1]
	to.core.Step(m)
	to.run()
	c.collect(to)
}

func (c *cluster) propose(r *replica) {
	var batch []Propose
	if r.core.preparer == nil && c.random.IntN(10) > 0 {
		return // most know where the leader is
	}
	for range 1 + c.random.IntN(3) {
		c.token++
		request := fmt.Sprintf("p%d", c.token)
		if c.random.IntN(8) == 0 {
			request = "wait" + request
		}
		c.open[c.token] = request
		batch = append(batch, Propose{Request: request, Token: c.token})
	}
	r.core.Propose(batch)
	r.run()
}

// crash ends a unit; the wal works on, so what was appended lands before the next incarnation loads, and
// the answers come late.
func (c *cluster) crash(r *replica) {
	c.counts["crash"]++
	r.die(errors.New("crashed"))
	var late []uint64
	for len(r.disk.flying) > 0 {
		late = append(late, r.disk.land().Token)
	}
	c.boot(r)
	for _, token := range late {
		r.core.Appended(token)
	}
	r.run()
}

// losePower ends a node; of what was not acknowledged by the disk, a prefix is there.
func (c *cluster) losePower(r *replica) {
	c.counts["power loss"]++
	r.die(errors.New("power loss"))
	for n := c.random.IntN(len(r.disk.flying) + 1); n > 0; n-- {
		r.disk.land()
	}
	r.disk.flying = nil
	c.boot(r)
}

// checkpoint makes a machine durable, if everybody has what the log drops then: there are no snapshots in
// this test, so a replica that needs the dropped entries could not be helped.
func (c *cluster) checkpoint(r *replica) {
	for _, other := range c.replicas {
		if other.core.applied < r.machine.index {
			return
		}
	}
	r.checkpoint()
	c.counts["checkpoint"]++
}

// heal stops the chaos and lets everything finish.
func (c *cluster) heal() {
	c.chaos = false
	for round := 0; ; round++ {
		for _, r := range c.replicas {
			r.core.Tick()
			r.run()
			c.collect(r)
		}
		c.drain()
		if c.settled() && round > 2*electionTicks {
			return
		}
		if round > 100*electionTicks {
			c.t.Fatalf("no agreement after %d rounds", round)
		}
	}
}

func (c *cluster) drain() {
	for busy := true; busy; {
		busy = false
		for _, r := range c.replicas {
			for len(r.disk.flying) > 0 {
				busy = true
				r.appended()
			}
			for len(r.applies) > 0 {
				busy = true
				r.apply()
				c.check(r)
			}
			c.collect(r)
		}
		for len(c.network) > 0 {
			busy = true
			c.deliver()
		}
	}
}

func (c *cluster) settled() bool {
	ready := 0
	for _, r := range c.replicas {
		if r.core.preparer != nil {
			ready++
		}
		if r.core.applied != c.replicas[0].core.applied {
			return false
		}
	}
	return ready == 1
}

// verify checks the end: everybody has everything that was acknowledged, and nobody waits.
func (c *cluster) verify() {
	if len(c.open) > 0 {
		c.t.Fatalf("%d proposals without an answer: %v", len(c.open), c.open)
	}
	for _, r := range c.replicas {
		have := map[string]any{}
		for _, rec := range r.machine.applied {
			var number int
			var request string
			if _, err := fmt.Sscanf(rec.data, "%d:%s", &number, &request); err != nil {
				c.t.Fatal(err)
			}
			if have[request] != nil {
				c.t.Fatalf("replica %d applied %s twice", r.id, request)
			}
			have[request] = number
		}
		for request, result := range c.acked {
			if !strings.HasPrefix(request, "wait") && have[request] != result {
				c.t.Fatalf("replica %d has %s as number %v, it was answered with %v", r.id, request, have[request], result)
			}
		}
		if r.core.pending != (load{}) || r.core.waiters.len() != 0 {
			c.t.Fatalf("replica %d still counts %+v pending and %d waiters", r.id, r.core.pending, r.core.waiters.len())
		}
		if want := r.core.tail.recount(); r.core.tail.bytes != want {
			c.t.Fatalf("replica %d counts %d bytes in its tail, has %d", r.id, r.core.tail.bytes, want)
		}
	}
}

func (t *tail) recount() (n int64) {
	for _, e := range t.entries {
		n += entryBytes(e)
	}
	return n
}

func TestClusterIsSafeUnderChaos(t *testing.T) {
	seed := newSeed(t)
	runs, steps := 24, 20000
	if testing.Short() {
		runs = 8
	}
	for i := range runs {
		size := 3
		if i%8 == 7 {
			size = 1
		}
		c := newCluster(t, seed+uint64(i), size)
		c.rivals = i%4 == 3
		for range steps {
			c.step()
		}
		c.heal()
		c.verify()
		t.Logf("run %d: %d committed, %v", i, len(c.committed), c.counts)
	}
}
