package group

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"go.etcd.io/raft/v3/raftpb"
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
	voters   []uint64 // the founders; the others join
	cut      map[[2]uint64]bool
	want     Want
	network  []*raftpb.Message
	chaos    bool
	rivals   bool // everybody campaigns and dies all the time: for the rules of elections

	committed map[uint64]record // by index, as first applied anywhere
	seen      map[uint64]int    // replica → records already compared
	open      map[uint64]string // proposals without an answer, by token
	behind    map[uint64]int    // how many requests had been committed when one that asks about that came
	acked     map[string]any    // results of the requests that were answered with one
	token     uint64
	counts    map[string]int
}

func newCluster(t *testing.T, seed uint64, size int) *cluster {
	cryptotest.SetGlobalRandom(t, seed) // raft draws its timeouts from there, and the seed is to replay them
	c := &cluster{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), chaos: true, committed: map[uint64]record{},
		seen: map[uint64]int{}, open: map[uint64]string{}, behind: map[uint64]int{}, acked: map[string]any{}, counts: map[string]int{}, cut: map[[2]uint64]bool{},
	}
	leaders := map[uint64]uint64{}
	for id := range uint64(min(size, 3)) {
		c.voters = append(c.voters, id+1)
	}
	c.want.Voters = c.voters
	for i := range uint64(size) {
		r := &replica{id: i + 1, leaders: leaders}
		r.answer = func(token uint64, p Proposed) { c.answered(r, token, p) }
		r.alive = func(node int32) bool { return !c.cut[pair(r.id, uint64(node))] }
		c.replicas = append(c.replicas, r)
	}
	for _, r := range c.replicas {
		c.boot(r)
	}
	return c
}

func pair(a, b uint64) [2]uint64 { return [2]uint64{min(a, b), max(a, b)} }

func (c *cluster) boot(r *replica) {
	var founders []uint64
	if slices.Contains(c.voters, r.id) {
		founders = c.voters
	}
	r.restart = true
	r.want = &Want{Voters: slices.Clone(c.want.Voters), Preferred: c.want.Preferred}
	if err := r.boot(founders); err != nil {
		c.t.Fatalf("boot replica %d: %v", r.id, err)
	}
	c.seen[r.id] = 0
	c.check(r)
}

func (c *cluster) answered(r *replica, token uint64, p Proposed) {
	request, ok := c.open[token]
	if !ok {
		c.t.Fatalf("second answer to %d: %+v", token, p)
	}
	delete(c.open, token)
	var notLeader ErrNotLeader
	var stale staleRefusal
	switch {
	case errors.As(p.Err, &stale):
		c.counts["refused"]++
		c.notBehind(r, token, stale.known)
	case p.Err == nil && request == "confirm":
		c.counts["confirmed"]++
		c.notBehind(r, token, len(r.machine.applied))
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

// notBehind checks an answer that rests on the first known requests that were committed.
func (c *cluster) notBehind(r *replica, token uint64, known int) {
	if want := c.behind[token]; known < want {
		c.t.Fatalf("replica %d answered %d from the first %d requests, want the %d that were committed when it came",
			r.id, token, known, want)
	}
	delete(c.behind, token)
}

// check compares what a machine has applied with what others have.
func (c *cluster) check(r *replica) {
	for _, rec := range r.machine.applied[min(c.seen[r.id], len(r.machine.applied)):] {
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
		r.core.Unreachable(c.anybody().id)
		r.run()
	case n < 9976:
		c.changeMembers()
	case n < 9982:
		r.core.Transfer(Transfer{Token: 1})
		r.run()
	case n < 9988:
		c.changeLink(r, c.anybody())
	case n < 9993:
		c.fetch(r)
	default:
		c.checkpoint(r)
	}
	c.collect(r)
}

func (c *cluster) anybody() *replica { return c.replicas[c.random.IntN(len(c.replicas))] }

// changeMembers wants one to three voters out of all, and tells everybody; one in four hears of it late.
func (c *cluster) changeMembers() {
	if len(c.replicas) == 1 {
		return
	}
	c.counts["membership"]++
	c.want = Want{}
	for _, i := range c.random.Perm(len(c.replicas))[:1+c.random.IntN(3)] {
		c.want.Voters = append(c.want.Voters, uint64(i+1))
	}
	c.want.Preferred = c.want.Voters[0]
	for _, r := range c.replicas {
		if !c.chaos || c.random.IntN(4) > 0 {
			c.tellWant(r)
		}
	}
}

func (c *cluster) tellWant(r *replica) {
	r.core.Want(Want{Voters: slices.Clone(c.want.Voters), Preferred: c.want.Preferred})
	r.run()
	c.collect(r)
}

// changeLink cuts the link between two, or mends it. Messages under way may still arrive.
func (c *cluster) changeLink(a, b *replica) {
	if a == b {
		return
	}
	c.counts["link"]++
	c.cut[pair(a.id, b.id)] = !c.cut[pair(a.id, b.id)]
	for _, one := range [][2]*replica{{a, b}, {b, a}} {
		one[0].core.NodeChanged(int32(one[1].id))
		one[0].run()
		c.collect(one[0])
	}
}

// fetch ends a fetch under way, mostly well.
func (c *cluster) fetch(r *replica) {
	if len(r.fetches) == 0 {
		return
	}
	from := c.replicas[r.fetches[0].From-1]
	if c.chaos && c.random.IntN(4) == 0 {
		r.fetches = nil
		r.core.CatchUpFailed()
		r.run()
		return
	}
	c.counts["fetch"]++
	r.fetch(from)
	c.check(r)
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
		asked := any(request)
		switch c.random.IntN(10) {
		case 0:
			request = "wait" + request
			asked = request
		case 1:
			request = "doubt" + request
			asked, c.behind[c.token] = request, len(c.committed)
		case 2:
			request = "confirm"
			asked, c.behind[c.token] = Confirm{}, len(c.committed)
		}
		c.open[c.token] = request
		batch = append(batch, Propose{Request: asked, Token: c.token})
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
	r.restart = false
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
	for _, other := range c.replicas { // their links to it are cut, and come again
		for range 2 {
			c.changeLink(r, other)
		}
	}
}

// checkpoint makes a machine durable. Who needs what the log drops then has to fetch a state.
func (c *cluster) checkpoint(r *replica) {
	if r.machine.conf == nil {
		return // has not been told anything yet
	}
	r.checkpoint()
	c.counts["checkpoint"]++
}

// heal stops the chaos and lets everything finish.
func (c *cluster) heal() {
	c.chaos = false
	for _, a := range c.replicas {
		for _, b := range c.replicas {
			if c.cut[pair(a.id, b.id)] {
				c.changeLink(a, b)
			}
		}
		c.tellWant(a)
	}
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
			c.t.Fatalf("no agreement after %d rounds, want voters %v:\n%s", round, c.want.Voters, c.describe())
		}
	}
}

// describe says where everybody stands.
func (c *cluster) describe() string {
	var b strings.Builder
	for _, r := range c.replicas {
		k := r.core
		fmt.Fprintf(&b, "%d: leader=%d term=%d ready=%t %+v log %d..%d commit=%d handed=%d applied=%d insync=%v "+
			"want=%+v transfer to %d, stand %d, %v fetches=%v running=%t conf proposed %d\n", r.id, k.leader, k.term,
			k.preparer != nil, k.members, k.tail.prevIndex, k.last, k.hard.Commit, k.handed, k.applied, k.insync.ids,
			k.want.Want, k.transfer.to, k.election.stand, k.node.BasicStatus().RaftState, r.fetches,
			k.install.running, k.want.proposed)
	}
	return b.String()
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
			for len(r.fetches) > 0 {
				busy = true
				c.fetch(r)
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
	ready, applied := 0, uint64(0)
	for _, r := range c.members() {
		if r.core.preparer != nil {
			ready++
			want := slices.Sorted(slices.Values(c.want.Voters))
			if !slices.Equal(r.core.members.voters, want) || r.core.members.joint() || len(r.core.members.learners) > 0 {
				return false
			}
		}
		if applied != 0 && r.core.applied != applied {
			return false
		}
		applied = r.core.applied
	}
	return ready == 1
}

// members returns the replicas that should be members.
func (c *cluster) members() (found []*replica) {
	for _, id := range c.want.Voters {
		found = append(found, c.replicas[id-1])
	}
	return found
}

// verify checks the end: everybody has everything that was acknowledged, and nobody waits.
func (c *cluster) verify() {
	if len(c.open) > 0 {
		c.t.Fatalf("%d proposals without an answer: %v", len(c.open), c.open)
	}
	for _, r := range c.members() {
		if r.caughtUp != 1 && (r.restart || r.caughtUp > 1) {
			c.t.Fatalf("replica %d was told %d times that it has caught up, want once", r.id, r.caughtUp)
		}
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
		size := 3 + 2*(i%2)
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
