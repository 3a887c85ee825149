package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
)

// Times of a link.
const (
	pingEvery  = 100 * time.Millisecond
	minBackOff = 50 * time.Millisecond
	maxBackOff = time.Second
	healthy    = time.Second            // up for so long: the next back-off is the shortest
	patience   = 100 * time.Millisecond // with an attempt, when there is reason to believe that another succeeds
	// missedAfter is how long a peer cannot be reached until the log says so, once. Nodes that are started
	// together find each other sooner.
	missedAfter = 5 * time.Second
)

// DefaultTimeout is how long a call waits that does not say so.
const DefaultTimeout = 10 * time.Second

// Limits of calls.
const (
	maxCalls = 1024 // open on one link
	maxBody  = 64 << 20
)

// Config says what a link leads to.
type Config struct {
	Node    int32
	Address string // host:port; "": not known yet
	Peers   *Peers
	Events  kit.Address // gets Up, Down, Refused
	Log     zerolog.Logger
}

// Name returns the name that a link is spawned with.
func Name(node int32) string { return fmt.Sprintf("link-%d", node) }

// Spec returns how to spawn a link.
func Spec(config Config) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				config: config, address: config.Address,
				backOff: kit.Restarts{Limit: kit.NoLimit, Min: minBackOff, Max: maxBackOff},
			}
		},
		Log: &config.Log,
	}
}

// Actor keeps this node connected to one peer. See the package comment for its card.
type Actor struct {
	config  Config
	address string
	peer    *peer
	backOff kit.Restarts
	timer   kit.Timer // of the back-off

	attempt uint64 // grows with each; what belongs to an older one is ignored
	dialing bool
	dialed  time.Time // when the attempt began
	again   bool      // dial once more, without a wait, when the attempt fails
	abandon context.CancelFunc

	session *session // nil: the link is down
	since   time.Time
	leaving bool      // the peer has said that it is about to stop
	lost    time.Time // when the link was lost, or the first attempt began
	missed  bool      // the log has said so

	calls    kit.Pending[uint64, Call]
	expiry   time.Time // when expire comes; zero: it does not
	lastCall uint64
	refusal  string // what was told last
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case Dial:
		a.onDial(c, m)
	case SetAddress:
		a.onSetAddress(c, m)
	case Call:
		a.onCall(c, m)
	case Notice:
		a.onNotice(m)
	case Leaving:
		a.leaving = true
	case returned:
		a.onReturned(m)
	case opened:
		a.onOpened(c, m)
	case ended:
		a.onEnded(c, m)
	case retry:
		a.onRetry(c, m)
	case expire:
		a.onExpire(c)
	case kit.Stopping:
		a.onStopping()
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	a.peer = a.config.Peers.add(a.config.Node, c.Self())
	a.peer.address.Store(a.address)
	a.lost = c.Now()
	a.dial(c)
}

// dial begins an attempt, and forgets the one before.
func (a *Actor) dial(c *kit.Context) {
	a.forget()
	if a.address == "" {
		return
	}
	a.dialing, a.dialed, a.again = true, c.Now(), false
	a.peer.phase.Store(Dialing)
	d := &dialer{
		attempt: a.attempt, node: a.config.Node, address: a.address,
		peers: a.config.Peers, peer: a.peer, to: c.Self(),
	}
	if transport := a.config.Peers.options.Transport; transport != nil {
		a.abandon = d.over(transport)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.abandon = cancel
	go d.run(ctx)
}

// forget ends whatever is under way. What it still says is ignored.
func (a *Actor) forget() {
	a.attempt++
	a.dialing = false
	if a.abandon != nil {
		a.abandon()
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.peer.phase.Store(Waiting)
}

func (a *Actor) onDial(c *kit.Context, m Dial) {
	a.backOff.Healthy()
	switch {
	case a.session != nil:
		if m.Instance != 0 && m.Instance != a.session.hello.Instance {
			a.down(c, errors.New("peer has been started anew"))
			a.dial(c)
		}
	case !a.dialing || c.Now().Sub(a.dialed) >= patience:
		a.dial(c)
	default:
		// Two nodes that abandoned their attempts whenever the other's hello arrives would never get anywhere.
		a.again = true
	}
}

func (a *Actor) onSetAddress(c *kit.Context, m SetAddress) {
	if m.Address == a.address {
		return
	}
	a.address = m.Address
	a.peer.address.Store(m.Address)
	if a.session == nil {
		a.backOff.Healthy()
		a.dial(c)
	}
}

func (a *Actor) onRetry(c *kit.Context, m retry) {
	if m.attempt == a.attempt && a.session == nil && !a.dialing {
		a.dial(c)
	}
}

// onOpened makes the link be up: first for those who look, then for those who are told.
func (a *Actor) onOpened(c *kit.Context, m opened) {
	if m.attempt != a.attempt {
		m.session.close(nil)
		return
	}
	a.dialing, a.session, a.since, a.refusal, a.leaving = false, m.session, c.Now(), "", false
	a.missed = false
	a.peer.connects.Add(1)
	a.peer.phase.Store(Linked)
	a.peer.session.Store(m.session)
	a.peer.closed.Store(0)
	h := m.session.hello
	c.Log().Info().Int32("peer", h.Node).Str("address", a.address).Str("build", h.Build).
		Stringer("state", h.State).Msg("link is up")
	a.config.Events.Tell(Up{Node: h.Node, Hello: h})
}

// onEnded hears that an attempt has failed or that the connection is lost.
func (a *Actor) onEnded(c *kit.Context, m ended) {
	if m.attempt != a.attempt {
		return
	}
	if a.session != nil {
		a.down(c, m.err)
	} else {
		a.failed(c, m.err)
	}
	a.redial(c)
}

// failed notes why an attempt has failed. A refusal is something that a person must look at, and so is a peer
// that stays away; but once.
func (a *Actor) failed(c *kit.Context, err error) {
	a.peer.lastError.Store(err.Error())
	level := zerolog.DebugLevel
	if !a.missed && c.Now().Sub(a.lost) >= missedAfter {
		a.missed, level = true, zerolog.WarnLevel
	}
	c.Log().WithLevel(level).Err(err).Int32("peer", a.config.Node).Str("address", a.address).
		Dur("for", c.Now().Sub(a.lost)).Msg("cannot connect to peer")
	var refused refusal
	if !errors.As(err, &refused) || a.refusal == err.Error() {
		return
	}
	a.refusal = err.Error()
	c.Log().Error().Err(err).Int32("peer", a.config.Node).Str("address", a.address).Msg("peer does not fit")
	a.config.Events.Tell(Refused{Node: a.config.Node, Err: refused.error})
}

// redial dials when the back-off is over, or at once if there is reason to.
func (a *Actor) redial(c *kit.Context) {
	if a.again {
		a.dial(c)
		return
	}
	wait, _ := a.backOff.Failed(c.Now()) // without a limit there is always a next time
	a.forget()
	a.timer = c.After(wait, retry{a.attempt})
}

// down makes the link be down: first for those who look, then for those who are told.
func (a *Actor) down(c *kit.Context, err error) {
	if c.Now().Sub(a.since) >= healthy {
		a.backOff.Healthy()
	}
	level, text := zerolog.WarnLevel, "link is down"
	if a.leaving {
		level, text = zerolog.InfoLevel, "link is down, the peer has stopped"
	}
	c.Log().WithLevel(level).Err(err).Int32("peer", a.config.Node).Str("address", a.address).Msg(text)
	if !errors.Is(err, errSilent) {
		a.peer.closed.Store(c.Now().UnixNano())
	}
	a.lost = c.Now()
	a.lose(err)
}

func (a *Actor) lose(err error) {
	if err == nil {
		err = ErrDown
	}
	s := a.session
	a.session = nil
	a.peer.lastError.Store(err.Error())
	a.peer.session.Store(nil)
	a.peer.phase.Store(Waiting)
	a.peer.drops.Add(uint64(s.close(err)))
	for _, call := range a.calls.Drain() {
		call.Refuse(fmt.Errorf("%w: %w", ErrLost, err))
	}
	a.config.Events.Tell(Down{Node: a.config.Node, Err: err})
}

func (a *Actor) onStopping() {
	if a.peer == nil {
		return
	}
	if a.session != nil {
		a.lose(kit.ErrStopped)
	}
	a.forget()
	a.config.Peers.remove(a.peer)
}
