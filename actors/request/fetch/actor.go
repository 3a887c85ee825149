package fetch

import (
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// Actor answers the fetches of one connection. See the package comment for its card.
type Actor struct {
	env       *request.Env
	log       zerolog.Logger // sampled
	listener  string
	sessions  sessions
	watches   watches
	waiting   []*work // oldest first
	held      int     // items of all waiting fetches
	last      uint64  // number of the newest work
	finishing bool
}

// maxBatch bounds how many messages one turn takes: many wake-ups then cost one look.
const maxBatch = 256

// Spec returns how to spawn the fetch actor of a connection on the named listener.
func Spec(env *request.Env, shared *Sessions, listener string, log *zerolog.Logger) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				env: env, listener: listener, sessions: sessions{shared: shared},
				log: log.Sample(&zerolog.BurstSampler{Burst: 3, Period: time.Minute}),
			}
		},
		Mailbox: kit.Batched(maxBatch),
		Log:     log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Batch:
		for _, message := range m.Messages {
			a.on(c, message)
		}
		a.settle(c)
	case kit.Stopping:
		a.onStopping(c)
	}
}

func (a *Actor) on(c *kit.Context, message any) {
	switch m := message.(type) {
	case Read:
		a.onRead(c, m)
	case partition.Woken:
		a.onWoken(m)
	case expired:
		a.onExpired(m)
	case Finish:
		a.onFinish()
	}
}

// onRead answers a request at once or lets it wait.
func (a *Actor) onRead(c *kit.Context, m Read) {
	r := m.Request.Body.(*kmsg.FetchRequest)
	a.last++
	w := newWork(a.last, m, r, int(a.env.Settings.FetchMaxBytes))
	if partitionCount(r) > maxPartitions {
		a.refuse(c, w, protocol.InvalidRequest)
		return
	}
	var code protocol.Code
	if w.scope, code = a.sessions.begin(r); code != protocol.None {
		a.refuse(c, w, code)
		return
	}
	w.items = a.resolve(&w.scope)
	if w.look() || a.finishing || a.held+len(w.items) > maxPartitions {
		a.answer(c, w)
		return
	}
	w.release()
	a.wait(c, w)
}

// resolve finds the replicas of what is to be read.
func (a *Actor) resolve(s *scope) []item {
	r := resolver{env: a.env, absent: a.absence}
	items := make([]item, 0, s.count())
	s.each(func(e *entry) { items = append(items, r.item(e)) })
	return items
}

// absence says why a partition has no replica on this node, and who leads it if that is known.
func (a *Actor) absence(k key) (protocol.Code, *partition.Leadership) {
	current := a.env.Image()
	topic := current.Topic(k.topic)
	if k.topic == "" {
		if topic = current.TopicByID(k.id); topic == nil {
			return protocol.UnknownTopicID, nil
		}
	}
	p, exists := topic.Partition(k.partition)
	if !exists {
		return protocol.UnknownTopicOrPartition, nil
	}
	leadership := a.env.Leadership(p.Group, nil)
	if leadership.Node == partition.NoLeader {
		leadership = nil
	}
	return protocol.NotLeaderOrFollower, leadership
}

// wait registers the fetch with its partitions.
func (a *Actor) wait(c *kit.Context, w *work) {
	if a.watches.full(len(w.items)) {
		a.watches.reset(func(r *partition.Replica, token uint64) {
			r.Waiters.Tell(partition.Unwait{ReplyTo: c.Self(), Token: token})
		})
		for _, other := range a.waiting {
			a.arm(c, other)
		}
	}
	a.waiting = append(a.waiting, w)
	a.held += len(w.items)
	w.timer = c.After(w.patient, expired{work: w.number})
	a.arm(c, w)
}

// arm makes sure that every partition of a fetch will wake it.
func (a *Actor) arm(c *kit.Context, w *work) {
	for index := range w.items {
		a.armItem(c, w, index)
	}
}

func (a *Actor) armItem(c *kit.Context, w *work, index int) {
	one := &w.items[index]
	if one.replica == nil {
		return
	}
	what, offset := watched{one.replica, w.limits.committed}, one.visibleEnd(w.limits)
	token, send := a.watches.arm(what, offset, user{work: w.number, item: index}, a.waiting[0].number)
	if send {
		one.replica.Waiters.Tell(partition.Wait{
			Offset: offset, Stable: what.stable, ReplyTo: c.Self(), Token: token,
		})
	}
}

// onWoken notes which fetches have to look again; settle looks once for all wake-ups of the turn.
func (a *Actor) onWoken(m partition.Woken) {
	for _, u := range a.watches.woken(m.Token) {
		if w := a.find(u.work); w != nil {
			w.woken = append(w.woken, u.item)
		}
	}
}

// onExpired ends a wait: what there is now is the answer.
func (a *Actor) onExpired(m expired) {
	if w := a.find(m.work); w != nil {
		w.patient = 0
	}
}

func (a *Actor) onFinish() {
	a.finishing = true
	for _, w := range a.waiting {
		w.patient = 0
	}
}

// settle answers what can be answered after a turn and lets the rest wait on.
func (a *Actor) settle(c *kit.Context) {
	still := a.waiting[:0]
	for _, w := range a.waiting {
		if count := len(w.items); a.maybeAnswer(c, w) {
			w.timer.Stop()
			a.held -= count
			continue
		}
		still = append(still, w)
	}
	clear(a.waiting[len(still):])
	a.waiting = still
	for _, w := range a.waiting {
		a.rearm(c, w)
	}
}

// rearm asks again for wake-ups that came too early. A partition that has too many waiters wakes the next
// one at once; so a fetch that was woken for nothing often enough leaves it at its deadline.
func (a *Actor) rearm(c *kit.Context, w *work) {
	for _, index := range w.woken {
		if w.items[index].size == 0 {
			w.vain++
		}
		if w.vain <= maxVain {
			a.armItem(c, w, index)
		}
	}
	w.woken = w.woken[:0]
}

// maxVain bounds the wake-ups for nothing that a fetch answers by asking again.
const maxVain = 16

// maybeAnswer answers a waiting fetch if it is time.
func (a *Actor) maybeAnswer(c *kit.Context, w *work) bool {
	if w.patient > 0 && (len(w.woken) == 0 || !w.lookAgain()) {
		return false
	}
	w.look()
	a.answer(c, w)
	return true
}

// answer sends the response of a fetch that has been read.
func (a *Actor) answer(c *kit.Context, w *work) {
	a.report(w.items)
	r := response{header: w.header, committed: w.limits.committed, items: w.items}
	if s := w.scope.session; s != nil {
		r.sessionID = s.id
		r.items = s.changed(w.items, w.scope.full)
	}
	r.endpoints = a.endpoints(r.items)
	c.Parent().Tell(Done{Slot: w.slot, Frame: r.encode()})
}

// refuse answers a whole request with a code.
func (a *Actor) refuse(c *kit.Context, w *work, code protocol.Code) {
	r := response{header: w.header, code: code}
	c.Parent().Tell(Done{Slot: w.slot, Frame: r.encode()})
}

// endpoints returns where to find the leaders that the response names (KIP-951).
func (a *Actor) endpoints(items []item) []Endpoint {
	var found []Endpoint
	for i := range items {
		leader := items[i].leader
		if leader == nil || known(found, leader.Node) {
			continue
		}
		broker := a.env.Image().Broker(leader.Node)
		at, ok := broker.Endpoint(a.listener)
		if !ok {
			continue
		}
		endpoint := Endpoint{Node: leader.Node, Host: at.Host, Port: at.Port}
		if broker.Rack != "" {
			endpoint.Rack = &broker.Rack
		}
		found = append(found, endpoint)
	}
	return found
}

func known(endpoints []Endpoint, node int32) bool {
	for i := range endpoints {
		if endpoints[i].Node == node {
			return true
		}
	}
	return false
}

// report logs damage to our own data, a few times in a minute: the client will try again and again.
func (a *Actor) report(items []item) {
	for i := range items {
		if one := &items[i]; one.err != nil && one.code != protocol.OffsetOutOfRange {
			a.log.Error().Err(one.err).Str("topic", one.replica.Topic).Int32("partition", one.replica.Partition).
				Int64("offset", int64(one.entry.offset)).Msg("cannot read partition")
		}
	}
}

func (a *Actor) find(number uint64) *work {
	for _, w := range a.waiting {
		if w.number == number {
			return w
		}
	}
	return nil
}

// onStopping takes back everything that outlives the actor.
func (a *Actor) onStopping(c *kit.Context) {
	for _, w := range a.waiting {
		w.timer.Stop()
		w.release()
	}
	a.waiting = nil
	a.watches.reset(func(r *partition.Replica, token uint64) {
		r.Waiters.Tell(partition.Unwait{ReplyTo: c.Self(), Token: token})
	})
	a.sessions.closeAll()
}
