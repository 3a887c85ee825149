package sim

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
)

// client is somebody who uses the cluster. It does things until finish, and is done when everything that it
// still owes has come to an end.
type client interface {
	begin()
	finish()
	done() bool
	waits() string
}

var (
	errNoNode  = errors.New("connection refused")
	errPatient = errors.New("no answer in time")
)

// patience is how long a client waits for an answer. Brokers answer sooner, or are gone.
const patience = 45 * time.Second

// caller sends requests to nodes, over a network that is only slow.
type caller struct {
	world *world
	name  string
	over  bool                // asked to come to an end
	last  map[int32]time.Time // when the last request to a node arrives: they stay in order
}

func (c *caller) finish() { c.over = true }

// ask sends a question to a node; answer is called once, with the answer or an error.
func (c *caller) ask(to int32, build func(replyTo kit.Address) any, answer func(message any, err error)) {
	w := c.world
	answered := false
	finish := func(message any, err error) {
		if !answered {
			answered = true
			answer(message, err)
		}
	}
	late := w.scheduler.after(patience, func() { finish(nil, errPatient) })
	reply := kit.AddressFor("client-"+c.name, func(message any) {
		w.wire.later(func() {
			late.Stop()
			finish(message, nil)
		})
	})
	connected := w.nodes[to-1].life
	w.scheduler.after(c.way(to), func() {
		l := w.nodes[to-1].life
		if l == nil || connected != nil && l != connected {
			w.wire.later(func() {
				late.Stop()
				finish(nil, errNoNode)
			})
			return
		}
		l.broker.Tell(build(reply))
	})
}

// way returns how long a request takes to a node.
func (c *caller) way(to int32) time.Duration {
	now := c.world.scheduler.now
	at := now.Add(c.world.wire.delay())
	if at.Before(c.last[to]) {
		at = c.last[to]
	}
	if c.last == nil {
		c.last = map[int32]time.Time{}
	}
	c.last[to] = at
	return at.Sub(now)
}

// request makes any request of Kafka's protocol but Produce and Fetch.
func (c *caller) request(to int32, body kmsg.Request, answer func(kmsg.Response, error)) {
	c.ask(to, func(replyTo kit.Address) any { return broker.Request{Body: body, ReplyTo: replyTo} },
		func(message any, err error) {
			m, is := message.(broker.Responded)
			switch {
			case err != nil:
				answer(nil, err)
			case !is || m.Err != nil:
				answer(nil, m.Err)
			default:
				answer(m.Body, nil)
			}
		})
}

// node picks somebody to ask about a partition: most of the time who is said to lead it.
func (c *caller) node(topic string, index int32) int32 {
	w := c.world
	if h := w.hints[partitionName{topic, index}]; h.node > 0 && w.scheduler.chance(0.9) {
		return h.node
	}
	return c.anyNode()
}

func (c *caller) anyNode() int32 { return int32(1 + c.world.scheduler.random.IntN(len(c.world.nodes))) }

// again calls f after a pause, as a client does that got an error which may pass.
func (c *caller) again(f func()) {
	c.world.scheduler.after(c.world.scheduler.between(20*time.Millisecond, 400*time.Millisecond), f)
}

// codeOf returns Kafka's code of an error of a broker, None for one that is none.
func codeOf(err error) protocol.Code {
	var coded *protocol.Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return protocol.None
}

// The topic that all clients use.
const (
	topicName  = "events"
	partitions = 2
)

// createTopics makes the topic.
func (w *world) createTopics() {
	c := &caller{world: w, name: "setup"}
	made := false
	var try func()
	try = func() {
		r := kmsg.NewPtrCreateTopicsRequest()
		one := kmsg.NewCreateTopicsRequestTopic()
		one.Topic, one.NumPartitions, one.ReplicationFactor = topicName, partitions, 3
		r.Topics, r.TimeoutMillis = append(r.Topics, one), 10_000
		r.SetVersion(7)
		c.request(c.anyNode(), r, func(body kmsg.Response, err error) {
			if err == nil {
				code := protocol.Code(body.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
				made = code == protocol.None || code == protocol.TopicAlreadyExists
			}
			if !made {
				c.again(try)
			}
		})
	}
	try()
	if !w.await(formTime, func() bool { return made }) {
		w.violate("the topic cannot be made")
	}
}

// startClients lets all clients begin.
func (w *world) startClients() {
	for i := range 2 {
		w.clients = append(w.clients, newPlain(w, i), newIdempotent(w, i), newTransactional(w, i), newCommitter(w, i))
	}
	for i := range partitions {
		w.clients = append(w.clients, newReader(w, int32(i)))
	}
	for _, c := range w.clients {
		c.begin()
	}
}

// coded returns the error that a code stands for, nil for None.
func coded(code int16) error {
	if code == 0 {
		return nil
	}
	return protocol.Errorf(protocol.Code(code), "refused")
}
