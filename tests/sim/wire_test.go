package sim

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc/mem"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
	frames "github.com/chronik-go/chronik/raftactor/link/wire"
)

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset by peer")
	errNoHello = fmt.Errorf("peer has not answered the hello within %v", link.HelloTimeout)
)

// wire is the network between the nodes. A connection keeps the order of each of its streams and loses nothing
// while it lasts, as TCP does; what it carries is late, comes after what was sent later on the other stream,
// and waits while the way is blocked. Messages of raft are lost and doubled besides, since raft promises to
// bear it.
type wire struct {
	world   *world
	doors   map[string]*doorway
	conns   []*conn
	dirty   []*conn
	blocked map[[2]int32]bool // from, to
	least   time.Duration     // on the way
	most    time.Duration
	lose    float64 // messages of raft
	double  float64
	pulls   int
}

// doorway is where a life listens.
type doorway struct {
	life *life
	door *server.Door
}

func newWire(w *world) *wire {
	return &wire{
		world: w, doors: map[string]*doorway{}, blocked: map[[2]int32]bool{}, least: 50 * time.Microsecond,
		most: 500 * time.Microsecond,
	}
}

// open tells whether anything gets from one node to another.
func (w *wire) open(from, to int32) bool { return !w.blocked[[2]int32{from, to}] }

func (w *wire) delay() time.Duration { return w.world.scheduler.between(w.least, w.most) }

// later calls f after the time that a packet takes.
func (w *wire) later(f func()) { w.world.scheduler.after(w.delay(), f) }

// flush sends what has been given to connections since the last time.
func (w *wire) flush() {
	for len(w.dirty) > 0 {
		dirty := w.dirty
		w.dirty = nil
		for _, c := range dirty {
			c.dirty = false
			c.flush()
		}
	}
}

// heal lets what has waited through.
func (w *wire) heal() {
	for _, c := range w.conns {
		for i := range c.lanes {
			c.release(&c.lanes[i])
		}
	}
}

// cut ends all connections of a life that is over. Half of the time the others are told, as by a system whose
// process has died, and half of the time not, as by a machine without power.
func (w *wire) cut(l *life) {
	for address, d := range w.doors {
		if d.life == l {
			delete(w.doors, address)
		}
	}
	told := w.world.scheduler.chance(0.5)
	for _, c := range slices.Clone(w.conns) {
		switch {
		case c.from == l:
			c.hungUp(told)
		case c.to == l && told:
			w.later(func() { c.fail(errReset) })
		case c.to == l:
			c.guest = nil
		}
	}
}

// port is how one life uses the network.
type port struct{ life *life }

// Listen implements server.Transport.
func (p *port) Listen(at string, door *server.Door) (net.Addr, error) {
	p.life.node.world.wire.doors[at] = &doorway{p.life, door}
	return address(at), nil
}

// Shut implements server.Transport.
func (p *port) Shut(door *server.Door) {
	w := p.life.node.world.wire
	for at, d := range w.doors {
		if d.door == door {
			delete(w.doors, at)
		}
	}
	for _, c := range slices.Clone(w.conns) {
		if c.to == p.life {
			w.later(func() { c.fail(errReset) })
		}
	}
}

// Now implements link.Transport.
func (p *port) Now() time.Time { return p.life.node.world.scheduler.now }

// Dial implements link.Transport.
func (p *port) Dial(at string, end *link.End) {
	w := p.life.node.world.wire
	c := &conn{wire: w, from: p.life, end: end, node: end.Node()}
	for i := range c.lanes {
		c.lanes[i] = lane{from: p.life.node.id, to: c.node}
	}
	c.lanes[answers] = lane{from: c.node, to: p.life.node.id}
	w.conns = append(w.conns, c)
	greet := end.Greet()
	w.world.scheduler.after(link.HelloTimeout, func() {
		if !c.linked {
			c.fail(errNoHello)
		}
	})
	w.later(func() { c.knock(at, greet) })
}

// HangUp implements link.Transport.
func (p *port) HangUp(end *link.End) {
	w := p.life.node.world.wire
	for _, c := range w.conns {
		if c.end == end {
			c.hungUp(true)
			return
		}
	}
}

// The streams of a connection.
const (
	control = iota
	bulk
	answers
)

// conn is a connection, or the attempt to get one.
type conn struct {
	wire     *wire
	from, to *life // to: nil until it has come in
	node     int32
	end      *link.End
	guest    *server.Guest
	lanes    [3]lane
	linked   bool // both sides have said hello
	over     bool
	dirty    bool
}

// lane is one stream of a connection in one direction.
type lane struct {
	from, to int32
	last     time.Time // when the last frame that was sent arrives
	held     []func()  // what has arrived at a way that is blocked
}

// knock brings the hello to the node that is dialled.
func (c *conn) knock(at string, greet frames.Item) {
	w := c.wire
	d := w.doors[at]
	switch {
	case c.over:
		return
	case !w.open(c.from.node.id, c.node) || !w.open(c.node, c.from.node.id), d != nil && d.life.still:
		return // the time for the hello runs out
	case d == nil:
		w.later(func() { c.fail(errRefused) })
		return
	}
	answer, guest := d.door.Enter(greet, c.mark, func() { w.later(func() { c.fail(errReset) }) })
	c.to, c.guest = d.life, guest
	w.later(func() { c.welcome(answer) })
}

// welcome brings the answer back.
func (c *conn) welcome(answer []frames.Item) {
	if c.over || c.from.dead {
		return
	}
	if len(answer) == 0 {
		c.fail(errReset)
		return
	}
	if err := c.end.Welcome(answer, c.mark); err != nil {
		c.fail(err)
		return
	}
	c.linked = true
	c.beat()
}

// beat keeps the connection alive, or finds that it is not.
func (c *conn) beat() {
	if c.over || c.from.dead {
		return
	}
	if !c.from.still {
		if err := c.end.Beat(); err != nil {
			c.fail(err)
			return
		}
	}
	c.wire.world.scheduler.after(link.BeatEvery, c.beat)
}

// fail ends the connection for the side that has dialled.
func (c *conn) fail(err error) {
	if c.over {
		return
	}
	c.end.Fail(err)
	c.hungUp(true)
}

// hungUp ends the connection; if it is told, the other side learns of it.
func (c *conn) hungUp(told bool) {
	if c.over {
		return
	}
	c.over = true
	c.wire.conns = slices.DeleteFunc(c.wire.conns, func(other *conn) bool { return other == c })
	guest, to := c.guest, c.to
	if guest == nil || !told {
		return
	}
	c.wire.later(func() {
		if !to.dead {
			guest.Leave()
		}
	})
}

// mark says that there is something to be sent.
func (c *conn) mark() {
	if !c.dirty {
		c.dirty = true
		c.wire.dirty = append(c.wire.dirty, c)
	}
}

func (c *conn) flush() {
	if c.over {
		return
	}
	if c.linked {
		c.send(control, c.end.Control())
		c.send(bulk, c.end.Bulk())
	}
	if c.guest != nil && !c.to.dead {
		c.send(answers, c.guest.Answers())
	}
}

// send lets a frame go. It is encoded now and decoded when it arrives, as on a real network.
func (c *conn) send(stream int, items []frames.Item) {
	w, s := c.wire, c.wire.world.scheduler
	items = w.spoil(items)
	if len(items) == 0 {
		return
	}
	data, err := frames.Codec{}.Marshal(&frames.Frame{Items: items})
	if err != nil {
		panic(fmt.Sprintf("BUG: got %v, want a frame", err))
	}
	l := &c.lanes[stream]
	at := s.now.Add(w.delay())
	if at.Before(l.last) {
		at = l.last
	}
	l.last = at
	s.after(at.Sub(s.now), func() { c.arrive(stream, func() { c.deliver(stream, data) }) })
}

// spoil loses and doubles messages of raft.
func (w *wire) spoil(items []frames.Item) []frames.Item {
	if w.lose == 0 && w.double == 0 {
		return items
	}
	var spoilt []frames.Item
	for _, item := range items {
		if item.Kind == frames.Raft && w.world.scheduler.chance(w.lose) {
			continue
		}
		spoilt = append(spoilt, item)
		if item.Kind == frames.Raft && w.world.scheduler.chance(w.double) {
			spoilt = append(spoilt, item)
		}
	}
	return spoilt
}

// arrive delivers, unless the way is blocked or the receiver stands still.
func (c *conn) arrive(stream int, deliver func()) {
	l := &c.lanes[stream]
	receiver := c.to
	if stream == answers {
		receiver = c.from
	}
	if len(l.held) > 0 || !c.wire.open(l.from, l.to) || receiver.still {
		l.held = append(l.held, deliver)
		return
	}
	deliver()
}

// release delivers what a stream has held, a little later.
func (c *conn) release(l *lane) {
	if len(l.held) == 0 || !c.wire.open(l.from, l.to) {
		return
	}
	c.wire.later(func() {
		held := l.held
		l.held = nil
		for _, deliver := range held {
			deliver()
		}
	})
}

func (c *conn) deliver(stream int, data mem.BufferSlice) {
	if c.over {
		return
	}
	var frame frames.Frame
	if err := (frames.Codec{}).Unmarshal(data, &frame); err != nil {
		panic(fmt.Sprintf("BUG: got %v, want the frame that was sent", err))
	}
	var err error
	switch {
	case stream == answers:
		if !c.linked || c.from.dead {
			return
		}
		err = c.end.Receive(frame.Items)
	case c.guest == nil || c.to.dead:
		return
	default:
		err = c.guest.Receive(frame.Items)
	}
	if err != nil {
		c.fail(err)
	}
}

// Pull implements link.Transport.
func (p *port) Pull(
	at string, request frames.Item, arrived func([]byte), ended func(error),
) applier.Stream {
	w := p.life.node.world.wire
	w.pulls++
	one := &pull{wire: w, life: p.life, arrived: arrived, ended: ended}
	w.later(func() { one.begin(at, request) })
	return one
}
