package link

import (
	"slices"
	"sync"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
)

// pulse calls all sessions of a node at the same moments, pingEvery apart, while there are any: each sends
// a ping, and looks whether its peer still speaks. Where the clocks of nodes agree, so do these moments: an
// idle node wakes once for all its peers, and for what they send as well. To go to sleep and to wake is most
// of what an idle link costs.
type pulse struct {
	mu      sync.Mutex
	members []*member
	end     func() // of the goroutine that ticks; nil: there are no members
}

// member is a session that is called.
type member struct {
	watch *watch
	ping  chan time.Time // has one while it is time to send a ping
}

// untilBeat returns the time until the next multiple of pingEvery, and a little more: the slow ticks of
// actors come then, too.
func untilBeat() time.Duration {
	now := time.Now()
	return now.Truncate(pingEvery).Add(pingEvery).Sub(now) + kit.Beat
}

// join has a session called from now on, until it leaves.
func (p *pulse) join(w *watch) (ping <-chan time.Time, leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end == nil {
		if err := p.begin(); err != nil {
			return nil, nil, err
		}
	}
	one := &member{watch: w, ping: make(chan time.Time, 1)}
	p.members = append(p.members, one)
	return one.ping, func() { p.leave(one) }, nil
}

// begin starts to tick.
func (p *pulse) begin() error {
	beats, err := newMetronome(untilBeat(), pingEvery)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() {
		for beats.wait() {
			p.beat()
		}
	})
	p.end = func() {
		beats.stop()
		running.Wait()
	}
	return nil
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.members {
		one.watch.look()
		select {
		case one.ping <- time.Time{}:
		default: // its writer is still at the ping before
		}
	}
}

// leave ends the calls. The last to leave waits until the goroutine is gone.
func (p *pulse) leave(one *member) {
	p.mu.Lock()
	p.members = slices.DeleteFunc(p.members, func(m *member) bool { return m == one })
	end := func() {}
	if len(p.members) == 0 {
		end, p.end = p.end, nil
	}
	p.mu.Unlock()
	end()
}
