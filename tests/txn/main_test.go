package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/tests/cluster/drive"
	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/node"
)

// server is the path of the binary under test.
var server string

func TestMain(m *testing.M) {
	drive.Main()
	os.Exit(node.Main(&server, m.Run))
}

// usualTime is how long both tests together break something.
const usualTime = 2 * time.Minute

// stretch is how long one of the two tests breaks something.
func stretch(t *testing.T) time.Duration {
	all := usualTime
	if text := os.Getenv("CHRONIK_TXN_TIME"); text != "" {
		given, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		all = given
	} else if testing.Short() {
		all /= 4
	}
	return all / 2
}

// seeded returns random numbers, and prints what repeats them.
func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// The internal topics.
const (
	groupsTopic       = "__consumer_offsets"
	transactionsTopic = "__transaction_state"
)

// What nodes log of a peer that is killed, of those that ask it for something, and of a disk that others
// use too.
var warnings = []string{
	`^(link is down|cannot connect to peer)$`, `^(no producer ids allocated|broker is not a member of the cluster yet)$`,
	`^(write-ahead log waits for the disk|disk answers again)`, `^actor holds a message$`,
}

// running starts three nodes with topics of so many partitions.
func running(t *testing.T, partitions int32, topics ...string) *lab.Cluster {
	t.Helper()
	return runningOn(t, lab.Options{Warnings: warnings}, partitions, topics...)
}

// runningOn starts three nodes on what the options say of their machines.
func runningOn(t *testing.T, options lab.Options, partitions int32, topics ...string) *lab.Cluster {
	t.Helper()
	options.Binary, options.Nodes = server, 3
	options.Env = append([]string{
		"CHRONIK_STORAGE_RESERVE_BYTES=0", "CHRONIK_TOPICS_AUTO_CREATE=false",
		"CHRONIK_GROUPS_OFFSETS_PARTITIONS=5", "CHRONIK_TRANSACTIONS_STATE_PARTITIONS=5",
		"CHRONIK_GROUPS_INITIAL_REBALANCE_DELAY=100ms", "CHRONIK_GROUPS_MIN_SESSION_TIME=1s",
		"CHRONIK_GROUPS_CONSUMER_HEARTBEAT_INTERVAL=300ms", "CHRONIK_GROUPS_CONSUMER_SESSION_TIME=3s",
		// Nodes share a machine with clients, some of which are Java processes that start: a turn may take long.
		"CHRONIK_LIMITS_HOLD_TIME=10s",
	}, options.Env...)
	c := lab.New(t, options)
	c.StartAll()
	for _, topic := range topics {
		c.Create(topic, partitions, 3)
	}
	c.AwaitInSync(lab.Patience, topics...)
	return c
}

// breaker kills nodes, one at a time, and starts them again.
type breaker struct {
	t       *testing.T
	c       *lab.Cluster
	random  *rand.Rand
	targets []target
	topics  []string // whose replicas have to be in sync before the next node is killed
	kills   map[string]int
}

// target is something whose leader is killed.
type target struct {
	name string
	find func(ctx context.Context, n *lab.Node) (int32, error)
}

// leaderOf is the leader of any partition of a topic.
func (b *breaker) leaderOf(topic string) target {
	return target{"leader of " + topic, func(ctx context.Context, n *lab.Node) (int32, error) {
		view, err := n.View(ctx, topic)
		if err != nil || len(view[topic]) == 0 {
			return 0, err
		}
		return view[topic][b.random.IntN(len(view[topic]))].Leader, nil
	}}
}

// The types of keys of FindCoordinator.
const (
	groupKey       = 0
	transactionKey = 1
)

// coordinatorOf is the coordinator of a group or of a transactional id.
func coordinatorOf(name string, kind int8, key func() string) target {
	return target{name, func(ctx context.Context, n *lab.Node) (int32, error) {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorType, request.CoordinatorKey = kind, key()
		request.CoordinatorKeys = []string{request.CoordinatorKey}
		answer, err := n.Ask(ctx, request)
		if err != nil {
			return 0, err
		}
		one := answer.(*kmsg.FindCoordinatorResponse).Coordinators[0]
		return one.NodeID, kerr.ErrorForCode(one.ErrorCode)
	}}
}

// between is how long the cluster is left alone after everything is in sync.
const between = 1500 * time.Millisecond

// run breaks something until the time is up. The last node that it kills is back and in sync when it returns.
func (b *breaker) run(stretch time.Duration) {
	b.t.Helper()
	b.kills = map[string]int{}
	for end := time.Now().Add(stretch); time.Now().Before(end); {
		lab.Pass(b.t.Context(), between)
		one := b.targets[b.random.IntN(len(b.targets))]
		var victim int32
		b.c.Until(lab.Patience, one.name, func(ctx context.Context) (err error) {
			victim, err = one.find(ctx, b.c.Running()[0])
			if err == nil && victim <= 0 {
				err = fmt.Errorf("there is none")
			}
			return err
		})
		b.c.Node(victim).Kill()
		b.kills[one.name]++
		lab.Pass(b.t.Context(), time.Duration(b.random.IntN(1000))*time.Millisecond)
		b.c.Node(victim).Start()
		b.c.AwaitInSync(lab.Patience, append(b.topics, groupsTopic, transactionsTopic)...)
	}
	b.t.Logf("killed: %v", b.kills)
}

// impatient are the options of all clients here: they look again soon for what they miss.
func impatient(c *lab.Cluster, seed int, more ...kgo.Opt) []kgo.Opt {
	return append(append(c.Impatient(c.Seeds()[seed%3]),
		kgo.SeedBrokers(c.Seeds()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.FetchMaxWait(200*time.Millisecond), kgo.ConcurrentTransactionsBackoff(5*time.Millisecond),
	), more...)
}
