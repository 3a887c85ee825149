package raftactor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
)

const chaosGroups = 3

// fragile panics before or after a message of the actor inside, when it is told to.
type fragile struct {
	inner kit.Actor
	fail  func(where string)
}

func (f *fragile) Receive(c *kit.Context) {
	switch c.Message().(type) {
	case kit.Stopping, kit.Stopped, kit.Terminated:
		f.inner.Receive(c)
		return
	}
	f.fail("before turn")
	f.inner.Receive(c)
	f.fail("after turn")
}

// chaos is a world in which everything that may fail does, now and then, until calm.
type chaos struct {
	*world
	rate float64
	hits map[string]int
}

func newChaos(t *testing.T, seed uint64, disk *vfs.Mem) *chaos {
	c := &chaos{rate: 0, hits: map[string]int{}}
	fail := func(where string) { c.maybe(where) }
	c.world = newWorld(t, seed, disk, func(spec kit.Spec) kit.Spec {
		inner := spec.New
		spec.New = func() kit.Actor { return &fragile{inner(), fail} }
		return spec
	})
	c.fail = fail
	c.rate = 0.01
	for id := range wal.GroupID(chaosGroups) {
		c.start(id + 1)
	}
	return c
}

// maybe fails at a place, with the probability of the moment.
func (c *chaos) maybe(where string) {
	rate := c.rate
	if where == "before turn" || where == "after turn" || where == "open" {
		rate /= 4 // these come often
	}
	if c.world == nil || rate == 0 || c.Random().Float64() >= rate {
		return
	}
	c.hits[where]++
	panic("chaos " + where)
}

// step does one random thing.
func (c *chaos) step() {
	id := wal.GroupID(1 + c.Random().IntN(chaosGroups))
	switch n := c.Random().IntN(1000); {
	case n < 500:
		request := fmt.Sprintf("r%d", c.token+1)
		if c.Random().IntN(6) == 0 {
			request = "wait" + request
		}
		c.propose(id, request)
	case n < 950:
		for range c.Random().IntN(30) {
			if !c.Step() {
				break
			}
		}
	case n < 955:
		c.cores[id].Tell(crashMessage())
		c.hits["raft"]++
	case n < 980:
		c.Advance(time.Duration(c.Random().IntN(400)) * time.Millisecond)
	case n < 985:
		c.tidy.Tell(janitor.CheckpointNow{})
	case n < 990:
		c.Advance(time.Minute) // failures are forgotten
		c.revive()
	case n < 992:
		c.stopAndStart(id)
	}
}

// stopAndStart asks for both at once; the second has to wait for the first.
func (c *chaos) stopAndStart(id wal.GroupID) {
	c.rate, c.hits["stop"] = 0, c.hits["stop"]+1
	c.stop(id, false)
	c.start(id)
	c.rate = 0.01
}

// revive starts groups again that were given up.
func (c *chaos) revive() {
	for _, s := range c.describe() {
		if s.State == GivenUp {
			c.hits["revived"]++
			c.stopAndStart(s.Group)
		}
	}
}

// calm ends the chaos and waits for all.
func (c *chaos) calm() {
	c.rate = 0
	c.Advance(time.Minute)
	c.revive()
	c.rate = 0
	c.Run()
}

// verify checks that everybody was answered and nothing that was acknowledged is lost or there twice.
func (c *chaos) verify(before map[uint64]group.Proposed, requests map[uint64]string) {
	c.t.Helper()
	if len(c.open) > 0 {
		c.t.Errorf("got no answer to %v", c.open)
	}
	where := map[string]int{}
	for id := range wal.GroupID(chaosGroups) {
		m := c.machines[id+1]
		if m == nil {
			c.t.Fatalf("group %d is not running: %+v", id+1, c.describe())
		}
		for number, line := range m.lines {
			if _, twice := where[line]; twice {
				c.t.Errorf("%s was applied twice", line)
			}
			where[line] = number
		}
	}
	for token, answer := range before {
		c.verifyAnswer(requests[token], answer, where)
	}
	for token, answer := range c.answers {
		c.verifyAnswer(c.requests[token], answer, where)
	}
}

func (c *chaos) verifyAnswer(request string, answer group.Proposed, where map[string]int) {
	c.t.Helper()
	number, applied := where[request]
	var notLeader group.ErrNotLeader
	unknown := errors.Is(answer.Err, group.ErrLostLeadership)
	refused := !unknown && (errors.Is(answer.Err, kit.ErrStopped) || errors.As(answer.Err, &notLeader))
	switch {
	case strings.HasPrefix(request, "wait"):
	case answer.Err == nil && (!applied || answer.Result != number):
		c.t.Errorf("%s was answered with %v, got it at %d: %t", request, answer.Result, number, applied)
	case refused && applied:
		c.t.Errorf("%s was refused with %v, got it at %d", request, answer.Err, number)
	case answer.Err != nil && !unknown && !refused:
		c.t.Errorf("%s: got error %v", request, answer.Err)
	}
}

// TestEveryProposalIsAnsweredOnceAndNothingIsLost: units fail at every place, in any order of messages.
func TestEveryProposalIsAnsweredOnceAndNothingIsLost(t *testing.T) {
	seed := newSeed(t)
	runs := 50
	if testing.Short() {
		runs = 3
	}
	for i := range runs {
		c := newChaos(t, seed+uint64(i), vfs.NewMem())
		for range 2500 {
			c.step()
		}
		c.calm()
		c.verify(nil, nil)
		summary(t, c)
		if t.Failed() {
			t.Fatalf("seed %d", seed+uint64(i))
		}
	}
}

// TestPowerLossLosesNothingAcknowledged: the node loses power in the middle of everything and starts again,
// several times, on what is left of the disk.
func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	seed := newSeed(t)
	runs := 30
	if testing.Short() {
		runs = 2
	}
	for i := range runs {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		disk := vfs.NewMem()
		answers, requests := map[uint64]group.Proposed{}, map[uint64]string{}
		token := uint64(0)
		for range 5 {
			c := newChaos(t, random.Uint64(), disk)
			c.token = token
			for range 400 + random.IntN(400) {
				c.step()
			}
			disk = c.disk.CrashClone(random)
			token = c.token
			for token, answer := range c.answers {
				answers[token], requests[token] = answer, c.requests[token]
			}
		}
		c := newChaos(t, random.Uint64(), disk)
		c.calm()
		c.verify(answers, requests)
		summary(t, c)
		if t.Failed() {
			t.Fatalf("seed %d run %d", seed, i)
		}
	}
}

func summary(t *testing.T, c *chaos) {
	lines := 0
	for _, m := range c.machines {
		lines += len(m.lines)
	}
	kinds := map[string]int{}
	for _, a := range c.answers {
		switch {
		case a.Err == nil:
			kinds["done"]++
		case errors.Is(a.Err, group.ErrLostLeadership):
			kinds["unknown"]++
		default:
			kinds["refused"]++
		}
	}
	t.Logf("%d applied, answers %v, failures %v", lines, kinds, c.hits)
}
