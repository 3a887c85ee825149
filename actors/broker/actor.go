package broker

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/conn"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/listener"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/link/server"
	"github.com/chronik-go/chronik/storage"
	"github.com/chronik-go/chronik/storage/janitor"
)

// Names of the children, as actors/doc.go draws them.
const (
	nameStorage      = "storage"
	nameRaft         = "raft"
	nameMetadata     = "metadata"
	namePartitions   = "partitions"
	nameBrokers      = "brokers"
	nameGroups       = "groups"
	nameTransactions = "transactions"
	nameListener     = "listener-kafka"
	nameLocal        = "local"
	nameAdmin        = "admin"
)

const (
	drainTime   = 15 * time.Second
	abandonTime = 5 * time.Second
	// electionTime bounds how long a start waits for the leaders of the partitions.
	electionTime = 5 * time.Second
	// maxNamed bounds how many of the partitions without a leader a warning names.
	maxNamed = 10
)

var (
	// errStopping answers who waits for a node that is being stopped.
	errStopping = errors.New("the node is stopping")
	// errNotServing answers who asks a node that does not serve yet, or no longer.
	errNotServing = fmt.Errorf("the node does not serve: %w", kit.ErrStopped)
)

// Actor is the root of the tree. See the package comment for its card.
type Actor struct {
	system  *kit.System
	options Options
	fail    func(error) // tells whoever runs the node that it has to stop

	report   *report
	phase    phase
	storage  storage.Opened
	current  *metadata.Current
	table    *partition.Table
	leaders  *partition.Leaders
	shared   *conn.Shared
	cluster  *cluster // what this node knows of others; nil for a cluster of one
	handles  *partition.Options
	kafka    net.Addr
	http     net.Addr
	raft     net.Addr // that peers reach; nil until it is bound
	endpoint image.Endpoint
	waiting  []Await
	unexport func() // takes the metrics out of the host's registry; nil while they are not there
	restarts map[string]*kit.Restarts
	hostless bool // the host of the Raft groups has failed and is not gone yet
	caughtUp bool // the image has all that was committed before this start
	electing bool // the partitions that exist are getting their leaders
	elected  bool // they have had the time for it
	stopping *Stop
	draining bool // requests under way and checkpoints come before the stop
	err      error

	subscribers []Subscribe
	told        bool // the subscribers know of the end
}

// phase is how far the node has come.
//
//	opening     storage opens                     → joining, failed
//	joining     groups start, the broker registers → serving, failed
//	serving     requests are served               → stopping, failed
//	stopping    parts leave in reverse order
//	failed      a reason has been told; nothing is built any more
type phase int

const (
	opening phase = iota
	joining
	serving
	stopping
	failed
)

// Spec returns how to spawn a node below an actor of kit. fail is called when the node has to stop by itself.
func Spec(system *kit.System, options Options, fail func(error)) kit.Spec {
	options.complete()
	return spec(system, options, fail, nil)
}

// spec is the same with what is wrong with the configuration.
func spec(system *kit.System, options Options, fail func(error), wrong error) kit.Spec {
	return kit.Spec{
		New: func() kit.Actor {
			a := &Actor{
				system: system, options: options, fail: fail, err: wrong,
				current: metadata.NewCurrent(), table: partition.NewTable(), leaders: partition.NewLeaders(),
				restarts: map[string]*kit.Restarts{},
			}
			a.report = &report{
				node: options.Config.NodeID, begun: system.Now(), current: a.current, table: a.table,
				leaders: a.leaders, now: system.Now, tree: system.Tree,
			}
			a.report.state.Store(&reported{notReady: errStarting})
			return a
		},
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case storage.Opened:
		a.onStorageOpened(c, m)
	case storage.Failed:
		a.onFatal(c, m.Err)
	case listener.Bound:
		a.onBound(c, m)
	case admin.Opened:
		a.onAdminOpened(c, m)
	case admin.Failed:
		a.onAdminFailed(c, m)
	case server.Bound:
		a.onPeersBound(c, m)
	case metadata.Removed:
		a.onFatal(c, m.Err)
	case raftactor.Offline:
		a.onMetadataOffline(m)
	case metadata.ImageChanged:
		a.onImageChanged(c, m)
	case partitions.LeadersReady:
		a.serve(c)
	case electionOver:
		a.onElectionOver(c)
	case Await:
		a.onAwait(m)
	case kit.ChildFailed:
		a.onChildFailed(c, m)
	case kit.Terminated:
		a.onTerminated(c, m)
	case rebuild:
		a.onRebuild(c, m)
	case Stop:
		a.onStop(c, m)
	case Subscribe:
		a.onSubscribe(c, m)
	case Unsubscribe:
		a.onUnsubscribe(m)
	case partitions.Moved:
		a.onMoved(m)
	case Produce, Request, Fetch, Watch, Next, Unwatch:
		a.pass(c, m)
	case kit.Stopping:
		a.onStopping()
	case raftactor.Resigned:
		a.onResigned(c, m)
	case listener.Drained:
		a.onDrained(c)
	case janitor.CheckpointsMade:
		a.onCheckpointsMade(c, m)
	case drainLate:
		a.onDrainLate(c)
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	if wrong := a.err; wrong != nil {
		a.onFatal(c, wrong)
		return
	}
	a.spawn(c, nameStorage)
}

// onStorageOpened builds everything that works on storage.
func (a *Actor) onStorageOpened(c *kit.Context, m storage.Opened) {
	a.storage = m
	a.phase = joining
	if err := a.prepare(c); err != nil {
		a.onFatal(c, err)
		return
	}
	if a.cluster != nil {
		a.report.peers.Store(a.cluster.peers)
	}
	for _, name := range []string{
		nameRaft, nameMetadata, namePartitions, nameBrokers, nameGroups, nameTransactions, nameListener,
		nameLocal, nameAdmin,
	} {
		a.spawn(c, name)
	}
	a.subscribe(c, nameRaft)
	a.subscribe(c, nameMetadata)
}

// subscribe has a child that has just been built tell what the root has to know of.
func (a *Actor) subscribe(c *kit.Context, name string) {
	switch name {
	case nameMetadata:
		c.Self().Child(name).Tell(metadata.Subscribe{Who: c.Self()})
	case nameRaft:
		c.Self().Child(name).Tell(raftactor.Subscribe{Who: c.Self()})
	}
}

// onPeersBound stops a node that its peers could not reach.
func (a *Actor) onPeersBound(c *kit.Context, m server.Bound) {
	if m.Err != nil {
		a.onFatal(c, fmt.Errorf("listen for peers on %s: %w; another process may use the port",
			a.options.Config.Bind.Raft, m.Err))
		return
	}
	a.raft = m.Addr
}

// onBound tells the metadata where clients reach this node.
func (a *Actor) onBound(c *kit.Context, m listener.Bound) {
	if m.Err != nil {
		a.onFatal(c, fmt.Errorf("listen for Kafka clients on %s: %w; another process may use the port",
			a.options.Config.Bind.Kafka, m.Err))
		return
	}
	rebound := a.kafka != nil
	a.kafka = m.Addr
	a.endpoint = advertised(a.options.Config, m.Addr)
	c.Self().Child(nameMetadata).Tell(metadata.Announce{Endpoints: []image.Endpoint{a.endpoint}})
	if rebound && a.phase == serving {
		c.Self().Child(nameListener).Tell(listener.Open{})
	}
}

// onImageChanged opens the listener once the image knows this node under its address. The data directory
// learns the id of its cluster before that.
func (a *Actor) onImageChanged(c *kit.Context, m metadata.ImageChanged) {
	if id := m.Image.ClusterID(); id != "" && a.storage.Dir.ClusterID() == "" {
		if err := a.storage.Dir.JoinCluster(id); err != nil {
			a.onFatal(c, err)
			return
		}
	}
	a.caughtUp = a.caughtUp || m.CaughtUp
	known := a.kafka != nil && registered(m.Image, a.options.Config.NodeID, a.endpoint)
	if a.phase != joining || !a.caughtUp || !known || a.electing {
		return
	}
	a.electing = true
	a.awaitLeaders(c, m.Image)
}

// awaitLeaders has clients wait in the backlog until the partitions that exist have leaders: one that comes
// too early is told to try again, and many take seconds until they do. The wait is bounded, since one
// partition that cannot start is no reason to keep the others from serving.
func (a *Actor) awaitLeaders(c *kit.Context, i *image.Image) {
	ask := partitions.AwaitLeaders{Last: i.NextGroup() - 1, ReplyTo: c.Self()}
	for topic := range i.Topics() {
		ask.Topics = append(ask.Topics, topic.ID)
	}
	c.After(electionTime, electionOver{})
	c.Self().Child(namePartitions).Tell(ask)
}

// onElectionOver lets clients in though partitions have no leader that this node knows of, and says which.
func (a *Actor) onElectionOver(c *kit.Context) {
	if a.phase != joining || a.elected {
		return
	}
	var missing []string
	for topic := range a.current.Image().Topics() {
		for _, p := range topic.Partitions {
			if l := a.leaders.Of(p.Group); !l.Ready {
				known := fmt.Sprintf("%s-%d (node %d, epoch %d)", topic.Name, p.Index, l.Node, l.Epoch)
				missing = append(missing, known)
			}
		}
	}
	c.Log().Warn().Int("partitions", len(missing)).Strs("first", missing[:min(len(missing), maxNamed)]).
		Dur("waited", electionTime).Msg("serving though partitions have no leader yet")
	a.serve(c)
}

// serve lets clients in. Whoever hears that the node is ready hears the address of its HTTP listener, too, so
// that has to be open; if it cannot be, the node does not start.
func (a *Actor) serve(c *kit.Context) {
	if a.phase != joining {
		return
	}
	a.elected = true
	if a.options.Config.Bind.Metrics != "" && a.http == nil {
		return // onAdminOpened comes back
	}
	a.phase = serving
	c.Self().Child(nameListener).Tell(listener.Open{})
	a.publish(nil)
	a.export(c)
	a.answer(Ready{Kafka: a.kafka, Admin: a.http})
	a.tell(Ready{Kafka: a.kafka, Admin: a.http})
}

// export shows the metrics in the registry of the host. A host that cannot show them is no reason to stop.
func (a *Actor) export(c *kit.Context) {
	if a.options.Metrics == nil {
		return
	}
	end, err := export(a.options.Registry, a.options.Metrics, a.options.Config.NodeID)
	if err != nil {
		c.Log().Error().Err(err).Msg("the metrics of this node do not fit the registry of the host")
	}
	a.unexport = end
}

func (a *Actor) onAdminOpened(c *kit.Context, m admin.Opened) {
	a.http = m.Addr
	if a.elected {
		a.serve(c)
	}
}

// onAdminFailed stops a node that was told to serve HTTP and cannot; later it only says so.
func (a *Actor) onAdminFailed(c *kit.Context, m admin.Failed) {
	if a.phase < serving {
		a.onFatal(c, m.Err)
		return
	}
	c.Log().Error().Err(m.Err).Msg("no HTTP listener until the node is started again")
}

func (a *Actor) onAwait(m Await) {
	switch a.phase {
	case serving:
		m.ReplyTo.Tell(Ready{Kafka: a.kafka, Admin: a.http})
	case stopping:
		m.ReplyTo.Tell(Ready{Err: errStopping})
	case failed:
		m.ReplyTo.Tell(Ready{Err: a.err})
	default:
		a.waiting = append(a.waiting, m)
	}
}

func (a *Actor) answer(ready Ready) {
	for _, m := range a.waiting {
		m.ReplyTo.Tell(ready)
	}
	a.waiting = nil
}

// onFatal gives the node up: whoever runs it hears why and takes it down. Clients get no more answers, which
// is right when the log cannot be trusted any more.
func (a *Actor) onFatal(c *kit.Context, err error) {
	if a.phase == failed {
		return
	}
	if a.phase >= serving {
		c.Log().Error().Err(err).Msg("the node stops serving")
	}
	a.phase, a.err = failed, err
	a.publish(err)
	a.answer(Ready{Err: err})
	a.tell(Failed{Err: err})
	a.fail(err)
	c.Stop(c.Self().Child(nameListener))
	a.maybeStopped(c)
}

// onMetadataOffline says that this node is not ready any more. Without its replica of the metadata log it
// serves what it has and learns of no change; whoever watches over it may start it again.
func (a *Actor) onMetadataOffline(m raftactor.Offline) {
	if a.phase == serving {
		a.publish(fmt.Errorf("the replica of the metadata log is offline: %w", m.Err))
	}
}

// publish tells the HTTP listener whether clients are served.
func (a *Actor) publish(notReady error) {
	address := net.JoinHostPort(a.endpoint.Host, strconv.Itoa(int(a.endpoint.Port)))
	a.report.state.Store(&reported{notReady: notReady, kafka: address})
}
