package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// answerTime is when a client gives up on a node that takes a request and never answers. Nothing tells a
// client of a frozen node but its own clock.
const answerTime = 300 * time.Millisecond

func TestLeaderFrozen(t *testing.T) {
	random := seeded(t)
	c := running(t, lab.Options{Warnings: []string{linkLost, controllerLost}}, loadPartitions)
	o := options(c, loadPartitions, loadRate, loadBytes)
	o.AnswerTime = answerTime
	l := startLoad(t, o)
	c.Create(staleTopic, loadPartitions, 3)
	lab.Pass(t.Context(), lead)
	var longest time.Duration
	var elections, stale []error
	freezes := form(2, 10)
	for range freezes {
		var node *lab.Node
		var led, written []int32
		for len(written) == 0 { // while leaderships go back to the preferred replicas it may have none of one topic
			view := c.AwaitInSync(lab.Patience, topic, staleTopic)
			node, led = victim(c, view, random)
			written = lab.LedBy(node.ID, view[staleTopic])
		}
		late := newLateWriter(t, c, node, written)
		frozen := l.Now()
		node.Freeze()
		late.write(t)
		awaitServed(c, l, led, frozen)
		awaitServed(c, l, l.Partitions(), l.Now())
		longest = max(longest, l.Gap(led, load.Window{From: frozen, To: l.Now()}))
		before := stableLeaders(c)
		node.Thaw()
		after := c.AwaitInSync(lab.Patience, topic, staleTopic)
		for name := range before {
			if err := sameLeaders(before[name], after[name]); err != nil {
				elections = append(elections, err)
			}
		}
		stale = append(stale, late.stale(t)...)
	}
	finish(t, c, l)
	row(t, "leader frozen with SIGSTOP: unavailable", atMost(1500*time.Millisecond), longest <= limit(1500*time.Millisecond),
		"max %s of %d", show(longest), freezes)
	row(t, "leader thawed: elections that it causes", "0", len(elections) == 0, "%d %v", len(elections), elections)
	row(t, "leader thawed: stale writes that it acknowledges", "0", len(stale) == 0, "%d %v", len(stale), stale)
}

// stableLeaders is a view that all running nodes agree on, whatever is in sync, and in which running nodes lead
// everything: also what nobody writes to.
func stableLeaders(c *lab.Cluster) lab.View {
	var common lab.View
	c.Until(lab.Patience, "the nodes that run agree on the leaders", func(ctx context.Context) error {
		common = nil
		for _, n := range c.Running() {
			view, err := n.View(ctx, topic, staleTopic)
			if err != nil {
				return err
			}
			if common == nil {
				common = view
			}
			for name := range view {
				if err := errors.Join(sameLeaders(common[name], view[name]), ledByRunning(c, view[name])); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return common
}

func ledByRunning(c *lab.Cluster, partitions []lab.Partition) error {
	for p, partition := range partitions {
		if partition.Leader < 0 || !c.Node(partition.Leader).Running() {
			return fmt.Errorf("partition %d is led by %d", p, partition.Leader)
		}
	}
	return nil
}

// staleTopic takes the writes that a frozen leader finds when it wakes up.
const staleTopic = "stale"

// lateWriter sends writes to a node that is frozen and reads their answers after it is thawed.
type lateWriter struct {
	client     *kgo.Client
	node       int32
	topic      [16]byte
	partitions []int32
	answers    chan lateAnswer
}

type lateAnswer struct {
	partition int32
	acks      int16
	value     string
	offset    int64
	err       error
}

// newLateWriter opens the connection, which must be there before the node freezes.
func newLateWriter(t *testing.T, c *lab.Cluster, n *lab.Node, partitions []int32) *lateWriter {
	t.Helper()
	w := &lateWriter{
		client: c.Client(n, kgo.RequestRetries(0)), node: n.ID, partitions: partitions,
		answers: make(chan lateAnswer, 2*len(partitions)),
	}
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	request, one := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	one.Topic = kmsg.StringPtr(staleTopic)
	request.Topics = append(request.Topics, one)
	metadata, err := request.RequestWith(ctx, w.client) // and the client learns the brokers
	if err != nil {
		t.Fatal(err)
	}
	w.topic = metadata.Topics[0].TopicID
	first := w.produce(ctx, partitions[0], -1, "before")
	if first.err != nil {
		t.Fatalf("write to node %d before it is frozen: %v", n.ID, first.err)
	}
	return w
}

// write sends the requests, with acks=all and acks=1. They lie in the node's socket until it is thawed.
func (w *lateWriter) write(t *testing.T) {
	for _, partition := range w.partitions {
		for _, acks := range []int16{-1, 1} {
			text := fmt.Sprintf("late-%d-%d-%d-%d", w.node, partition, acks, time.Now().UnixNano())
			go func() { w.answers <- w.produce(t.Context(), partition, acks, text) }()
		}
	}
}

func (w *lateWriter) produce(ctx context.Context, number int32, acks int16, text string) lateAnswer {
	one := kmsg.NewProduceRequestTopicPartition()
	one.Partition = number
	one.Records = batch.Build(batch.Options{}, batch.Record{Value: []byte(text)})
	name := kmsg.NewProduceRequestTopic()
	name.Topic, name.TopicID = staleTopic, w.topic // by name or by id, as the version has it
	name.Partitions = append(name.Partitions, one)
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis, request.Topics = acks, 5_000, append(request.Topics, name)
	answer := lateAnswer{partition: number, acks: acks, value: text}
	response, err := w.client.Broker(int(w.node)).Request(ctx, request)
	if err != nil {
		answer.err = err
		return answer
	}
	got := response.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	answer.offset, answer.err = got.BaseOffset, kerr.ErrorForCode(got.ErrorCode)
	return answer
}

// stale reads the answers and returns those that acknowledged a record which is not there.
func (w *lateWriter) stale(t *testing.T) (stale []error) {
	t.Helper()
	refused := 0
	for range 2 * len(w.partitions) {
		answer := <-w.answers
		if answer.err != nil {
			refused++
			continue
		}
		if value := readOne(t, w.client, answer.partition, answer.offset); value != answer.value {
			stale = append(stale, fmt.Errorf("partition %d: acks=%d acknowledged at %d, where %q stands",
				answer.partition, answer.acks, answer.offset, value))
		}
	}
	t.Logf("thawed node %d: %d late writes, %d refused", w.node, 2*len(w.partitions), refused)
	return stale
}

// readOne reads the record at an offset from whoever leads the partition; nothing within a while is "".
func readOne(t *testing.T, client *kgo.Client, partition int32, offset int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{staleTopic: {partition: kgo.NewOffset().At(offset)}})
	defer client.RemoveConsumePartitions(map[string][]int32{staleTopic: {partition}})
	for ctx.Err() == nil {
		for _, r := range client.PollFetches(ctx).Records() {
			if r.Partition == partition && r.Offset == offset {
				return string(r.Value)
			}
		}
	}
	return ""
}

// followerOf returns a node that leads neither the metadata nor any partition of the topic, which it makes:
// the other two lead half of the partitions each.
func followerOf(c *lab.Cluster, partitions int) *lab.Node {
	follower := c.AwaitQuorum().Leader%3 + 1
	first, second := follower%3+1, (follower+1)%3+1
	var assignment [][]int32
	for p := range partitions {
		one := []int32{first, second, follower}
		if p%2 == 1 {
			one = []int32{second, first, follower}
		}
		assignment = append(assignment, one)
	}
	c.CreateAssigned(topic, assignment)
	return c.Node(follower)
}

// awaitFollower returns when the follower leads nothing and everything is in sync.
func awaitFollower(t *testing.T, c *lab.Cluster, follower *lab.Node) lab.View {
	t.Helper()
	view := c.AwaitInSync(lab.Patience, topic)
	if led := lab.LedBy(follower.ID, view[topic]); len(led) > 0 {
		t.Fatalf("node %d leads partitions %d whose preferred leader is another", follower.ID, led)
	}
	return view
}

func TestFollowerFrozen(t *testing.T) {
	c := newCluster(t, lab.Options{Warnings: []string{linkLost, controllerLost}})
	c.StartAll()
	follower := followerOf(c, loadPartitions)
	before := awaitFollower(t, c, follower)
	quorum := c.AwaitQuorum()
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	d := watchDisk(t, l)
	lab.Pass(t.Context(), lead)

	// Halves take turns, so that what else the machine does falls on both.
	turns, stretch := form(3, 1), form(3*time.Second, time.Minute)
	var well, frozen []load.Window
	for range turns {
		well = append(well, watch(t, l, stretch))
		follower.Freeze()
		frozen = append(frozen, watch(t, l, stretch))
		follower.Thaw()
		c.AwaitInSync(lab.Patience, topic)
	}
	well = append(well, watch(t, l, stretch))
	elections := sameLeaders(before[topic], c.AwaitInSync(lab.Patience, topic)[topic])
	epoch := c.AwaitQuorum().Epoch
	compare(t, l, d, fmt.Sprintf("one follower frozen for %s", stretch), 1.2, well, frozen)
	finish(t, c, l)
	row(t, "one follower frozen: elections until it has caught up", "0", elections == nil && epoch == quorum.Epoch,
		"%v, metadata at epoch %d, was %d", elections, epoch, quorum.Epoch)
}

// watch lets the load run and returns the window.
func watch(t *testing.T, l *load.Load, stretch time.Duration) load.Window {
	t.Helper()
	from := l.Now()
	lab.Pass(t.Context(), stretch)
	return load.Window{From: from, To: l.Now()}
}

// compare prints the 99th percentile with a fault beside that without, each of the window in the middle: a disk
// that is slow for a moment, which a majority of two shows and one of three hides, spoils one window, and a
// peer that holds others up spoils all. In the short form, whose windows leave the ratio to the disk, a record may
// take the sync that is under way and its own.
func compare(t *testing.T, l *load.Load, d *disk, what string, most float64, well, faulty []load.Window) {
	t.Helper()
	t.Logf("%s: without: %s; with: %s", what, l.Summarize(well...), l.Summarize(faulty...))
	before, during := l.Summarize(middle(l, well)), l.Summarize(middle(l, faulty))
	syncs := d.p99(middle(l, faulty))
	ratio := float64(during.P99) / float64(before.P99)
	bound, kept := fmt.Sprintf("≤ %.2g x", factor(most)), ratio <= factor(most)
	if !full {
		bound += fmt.Sprintf(" or ≤ %s or two syncs", unheld)
		kept = kept || during.P99 <= max(unheld, 2*syncs)
	}
	row(t, what+": produce p99 against without", bound, kept, "%.2f x (%s, %s without; p99 of a sync %s)", ratio,
		show(during.P99), show(before.P99), show(syncs))
}

// unheld is less than what a record takes that waits for the peer at the other end of a fault.
const unheld = 100 * time.Millisecond

// middle returns the window whose 99th percentile is the middle one, the upper one of two.
func middle(l *load.Load, windows []load.Window) load.Window {
	sorted := slices.Clone(windows)
	slices.SortFunc(sorted, func(a, b load.Window) int {
		return cmp.Compare(l.Summarize(a).P99, l.Summarize(b).P99)
	})
	return sorted[len(sorted)/2]
}
