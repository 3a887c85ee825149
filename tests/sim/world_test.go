package sim

import (
	"fmt"
	"io"
	"testing"
	"testing/cryptotest"
	"time"
	"weak"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/walactor"
)

// options say what a run is like. Everything else comes from the seed.
type options struct {
	seed   uint64
	nodes  int
	length time.Duration // of the time in which things go wrong
	log    io.Writer     // nil: the nodes are silent
	bug    *bug          // nil: none is planted
	calm   bool          // nothing goes wrong
	atEnd  func(*world)  // looks at a run that is over; nil: nobody does
}

// world is one run: a cluster, its clients, what goes wrong, and what must hold all the same.
type world struct {
	options   options
	scheduler *scheduler
	wire      *wire
	nodes     []*node
	ledger    *ledger
	clients   []client
	hints     map[partitionName]hint // who is said to lead
	terms     map[groupTerm]uint64   // who led a group in a term
	nemesis   *nemesis
	broken    error // the first promise that was broken
	crashes   int
	dead      []weak.Pointer[life] // whoever still lives of those that have crashed keeps memory
	story     []string             // what went wrong and when, for who looks at a failure
}

type partitionName struct {
	topic string
	index int32
}

type hint struct {
	node  int32
	epoch int32
}

type groupTerm struct{ group, term uint64 }

// result is what came of a run.
type result struct {
	seed    uint64
	broken  error
	digest  uint64
	virtual time.Duration
	turns   uint64
	crashes int
	pulls   int
	counts  counts
	faults  map[string]int
	story   []string
	used    time.Duration // of processors
}

// simulate makes a run. The system's random numbers come from the seed while it lasts, so there is one at a time
// in a process.
func simulate(t *testing.T, o options) result {
	before := processorTime()
	cryptotest.SetGlobalRandom(t, o.seed)
	w := &world{
		options: o, scheduler: newScheduler(o.seed), ledger: newLedger(),
		hints: map[partitionName]hint{}, terms: map[groupTerm]uint64{},
	}
	w.wire = newWire(w)
	w.scheduler.settle = w.wire.flush
	for id := range o.nodes {
		w.nodes = append(w.nodes, &node{world: w, id: int32(id + 1), disk: newDisk()})
	}
	w.nemesis = newNemesis(w)
	if o.bug != nil && o.bug.lie != nil {
		for _, n := range w.nodes {
			n.disk.lie = o.bug.lie
		}
	}
	w.live()
	if o.atEnd != nil {
		o.atEnd(w)
	}
	r := result{
		seed: o.seed, broken: w.broken, digest: w.scheduler.digest, virtual: w.scheduler.now.Sub(epoch),
		turns: w.scheduler.turns, crashes: w.crashes, pulls: w.wire.pulls, counts: w.ledger.counts,
		faults: w.nemesis.done, story: w.story, used: processorTime() - before,
	}
	for _, n := range w.nodes { // their goroutines end, and with them what keeps their memory
		w.scheduler.over = true
		if n.life != nil {
			n.life.dead = true
			n.life.listener.end()
		}
	}
	return r
}

// Times of a run.
const (
	formTime = time.Minute     // until a new cluster serves
	healTime = 2 * time.Minute // until a cluster serves again to which nothing happens any more
)

// live is the run: a cluster forms, works while things go wrong, and has to be whole in the end.
func (w *world) live() {
	for _, n := range w.nodes {
		n.restart(w.scheduler.between(0, 2*time.Second))
	}
	if !w.await(formTime, w.serving) {
		w.violate("the cluster does not form: %s", w.describe())
		return
	}
	w.createTopics()
	w.startClients()
	if !w.options.calm {
		w.nemesis.begin()
	}
	w.scheduler.run(w.scheduler.now.Add(w.options.length), never)
	w.nemesis.end()
	for _, c := range w.clients {
		c.finish()
	}
	if !w.await(healTime, w.settled) {
		w.violate("the cluster does not serve though nothing is wrong any more: %s", w.describe())
		return
	}
	w.checkEnd()
}

func never() bool { return false }

// await runs until something holds, and returns false if it does not within a time.
func (w *world) await(within time.Duration, holds func() bool) bool {
	w.scheduler.run(w.scheduler.now.Add(within), holds)
	return w.broken == nil && holds()
}

// serving tells whether all nodes serve.
func (w *world) serving() bool {
	for _, n := range w.nodes {
		if n.life == nil || !n.life.serving {
			return false
		}
	}
	return true
}

// settled tells whether all nodes serve and all clients have got what they wanted.
func (w *world) settled() bool {
	if !w.serving() {
		return false
	}
	for _, c := range w.clients {
		if !c.done() {
			return false
		}
	}
	return true
}

// describe tells what does not serve.
func (w *world) describe() string {
	text := ""
	for _, n := range w.nodes {
		switch {
		case n.life == nil:
			text += fmt.Sprintf("node %d is off; ", n.id)
		case !n.life.serving:
			text += fmt.Sprintf("node %d does not serve (%v); ", n.id, n.life.failure)
		}
	}
	for _, c := range w.clients {
		if !c.done() {
			text += c.waits() + "; "
		}
	}
	return text
}

// violate notes a broken promise and ends the run; the first one counts.
func (w *world) violate(format string, values ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, values...)
		w.scheduler.over = true
		w.log("BROKEN: %v", w.broken)
	}
}

// maxStory bounds what is kept of a run for people.
const maxStory = 20_000

func (w *world) log(format string, values ...any) {
	if len(w.story) < maxStory {
		at := w.scheduler.now.Sub(epoch).Round(time.Microsecond)
		w.story = append(w.story, fmt.Sprintf("%v ", at)+fmt.Sprintf(format, values...))
	}
}

// leaderHeard notes who is said to lead, for clients.
func (w *world) leaderHeard(_ *life, m broker.LeaderChanged) {
	name := partitionName{m.Topic, m.Partition}
	if m.Epoch >= w.hints[name].epoch && m.Leader > 0 {
		w.hints[name] = hint{m.Leader, m.Epoch}
	}
}

// watch looks at what the actors are told, for promises that clients cannot see broken, and plants bugs.
func (w *world) watch(l *life, _ kit.Address, message any) {
	if w.nemesis.away != nil {
		w.lookForVotes(l, message)
	}
	if w.options.bug != nil && w.options.bug.tamper != nil {
		w.options.bug.tamper(message)
	}
	m, is := message.(group.LeaderChanged)
	if !is || m.Leader == 0 {
		return
	}
	key := groupTerm{uint64(m.Group), m.Term}
	if before := w.terms[key]; before != 0 && before != m.Leader {
		w.violate("group %d has two leaders in term %d: %x and %x (heard on node %d)", m.Group, m.Term, before, m.Leader,
			l.node.id)
	}
	w.terms[key] = m.Leader
}

// lookForVotes tells the nemesis of votes that the log is to make durable.
func (w *world) lookForVotes(l *life, message any) {
	batch, is := message.(kit.Batch)
	if !is {
		return
	}
	for _, one := range batch.Messages {
		if m, is := one.(walactor.Append); is && m.Update.Hard != nil && m.Update.Hard.Vote != 0 {
			w.nemesis.voted(l, image.ReplicaID(m.Update.Hard.Vote).Broker())
		}
	}
}

// checkFailure judges why a node has given itself up: only a disk that failed is a reason.
func (w *world) checkFailure(l *life, err error) {
	if !l.node.disk.wronged && !l.node.disk.gone {
		w.violate("node %d gives up without a reason: %v", l.node.id, err)
	}
}
