package partitions

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/cleaner"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

// Options is what the manager needs to know.
type Options struct {
	NodeID int32
	// Directory is the id of the data directory. A node whose registration names another one has nothing to
	// host: the image is of before it lost its disk, or another node bears its id. Zero is not looked at.
	Directory [16]byte
	Table     *partition.Table
	Leaders   *partition.Leaders
	Metadata  kit.Address
	Peers     Peers // nil: there are none
	Partition *partition.Options
	// Configure derives the effective configuration of a topic from the image.
	Configure func(*image.Image, *image.Topic) *partition.Config
	// Moved is told Moved for each partition of the cluster; zero: nobody is.
	Moved kit.Address
	// RetentionInterval is the time between two retention sweeps.
	RetentionInterval time.Duration
	// ProducerExpiration is how long a silent producer is remembered; 0 for DefaultProducerExpiration.
	ProducerExpiration time.Duration
	// BalanceInterval is the time between two looks at whether the preferred replicas lead; 0 for
	// DefaultBalanceInterval.
	BalanceInterval time.Duration
	// Cleaner says how logs are compacted; nil: not at all. The manager fills in the table.
	Cleaner *cleaner.Options
	Log     zerolog.Logger
}

// DefaultProducerExpiration is Kafka's.
const DefaultProducerExpiration = 24 * time.Hour

// DefaultBalanceInterval gives a node that has come back time to catch up before it leads again.
const DefaultBalanceInterval = 10 * time.Second

// Peers is what the manager needs of the links to other nodes.
type Peers interface {
	Alive(node int32) bool
	Nodes() []int32
	Link(node int32) kit.Address // takes link.Notice and link.Call
}

// Actor is the manager. See the package comment for its card.
type Actor struct {
	options   Options
	image     *image.Image // nil until it has everything that was committed before the start
	behind    bool         // images were left out, so the next one is compared as a whole
	names     map[string]*hosted
	postponed map[string]*hosted             // wait for the child of that name to leave
	followed  map[image.TopicID]*image.Topic // what the table was last made to follow
	cleared   bool                           // directories that nobody needs have been looked for
	strays    map[wal.GroupID]stray
	awaiting  awaiting

	spots      map[wal.GroupID]*spot
	exchanges  map[int32]map[wal.GroupID]struct{} // by node: what it has told in the exchange under way
	news       map[wal.GroupID]struct{}           // to be announced
	doubting   bool                               // doubt is on its way
	doubtAfter time.Duration                      // how long it takes this time
	completing map[wal.GroupID]struct{}
	questions  questions
	cleaner    kit.Spec
	cleaning   kit.Restarts // of the cleaner
}

// Spec returns how to spawn the manager.
func Spec(options Options) kit.Spec {
	if options.BalanceInterval <= 0 {
		options.BalanceInterval = DefaultBalanceInterval
	}
	if options.ProducerExpiration <= 0 {
		options.ProducerExpiration = DefaultProducerExpiration
	}
	if options.Leaders == nil {
		options.Leaders = partition.NewLeaders()
	}
	var cleaning kit.Spec
	if options.Cleaner != nil {
		one := *options.Cleaner
		one.Table = options.Table
		cleaning = cleaner.Spec(one)
	}
	return kit.Spec{
		New: func() kit.Actor {
			return &Actor{
				cleaner: cleaning, cleaning: cleanerRepairs,
				options: options, names: map[string]*hosted{}, postponed: map[string]*hosted{},
				followed: map[image.TopicID]*image.Topic{}, strays: map[wal.GroupID]stray{},
				spots: map[wal.GroupID]*spot{}, exchanges: map[int32]map[wal.GroupID]struct{}{},
				news: map[wal.GroupID]struct{}{}, completing: map[wal.GroupID]struct{}{},
			}
		},
		Log: &options.Log,
	}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case metadata.ImageChanged:
		a.onImageChanged(c, m)
	case AwaitLeaders:
		a.onAwaitLeaders(m)
	case partition.Led:
		a.onLed(c, m)
	case partition.Deleted:
		a.onDeleted(c, m)
	case kit.Terminated:
		a.onTerminated(c, m)
	case rebuild:
		a.onRebuild(c, m)
	case clean:
		a.spawnCleaner(c)
	case resubscribe:
		a.onResubscribe(c)
	case sweep:
		a.onRetain(c)
	case Retain:
		a.onRetain(c)
	case group.Proposed:
		a.onRetained(c, m)
	case raftactor.Stopped:
		a.onStrayForgotten(c, m)
	case kit.Stopping:
		a.onStopping(c)
	default:
		a.receiveCluster(c, m)
	}
}

// receiveCluster handles what only a cluster of several nodes has.
func (a *Actor) receiveCluster(c *kit.Context, message any) {
	switch m := message.(type) {
	case link.Up:
		a.onUp(c, m)
	case link.Down:
		a.onDown(c, m)
	case link.Noticed:
		a.onNoticed(c, m)
	case announce:
		a.onAnnounce()
	case doubt:
		a.onDoubt(c)
	case metadata.Submitted:
		a.onCompleted(c, m)
	case complete:
		a.onComplete(c, m)
	case balance:
		a.onBalance(c)
	case Handover:
		a.onHandover(c, m)
	case link.Incoming:
		a.onIncoming(c, m)
	case group.Transferred:
		a.onTransferred(m)
	case link.Returned:
		a.onReturned(m)
	}
}
