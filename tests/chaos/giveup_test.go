package chaos

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// The p99 of a partition is measured while another one works and while that one crashes in a loop, in windows
// of the same length that take turns, each round with another replica to crash. What else the machine does may
// move a p99 by more than the crashes do from one window to the next, so these are only told. What counts is
// of the same seconds: the p99 of the requests that no crash was near, and that of those that were not near as
// many moments chosen without regard to crashes. A moment finds long requests more often than short ones, so
// that to leave out those near a crash and nothing else would favour those that are left.
const (
	rounds = 6
	window = 2 * time.Second
	// mostSlower is how much the p99 may be higher with the requests that a crash was near, mostNoise what is too
	// little to tell.
	mostSlower = 1.2
	mostNoise  = 100 * time.Microsecond
)

// witness is the partition that is measured, spare one that is written to and never crashes.
const witness, spare = rounds, rounds + 1

// giveUps is how many crashes a replica takes until it is given up.
const giveUps = 6

// TestSupervisorGivesUpOneReplica crashes one replica at each message until it is taken offline: its clients
// are told, the others do not notice, and the next start of the node has it back with all that was acked.
func TestSupervisorGivesUpOneReplica(t *testing.T) {
	w := newWorld(t, 1)
	d := &duel{t: t, world: w, hammer: w.client(kgo.MaxVersions(kversion.V3_0_0()))}
	defer d.hammer.Close()
	client := w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProduceRequestTimeout(time.Second))
	defer client.Close()
	d.client = client
	if err := createTopicOf(t.Context(), client, orders, rounds+2, "delete"); err != nil {
		t.Fatal(err)
	}
	var before [rounds]int64
	for p := range int32(rounds) {
		record := &kgo.Record{Topic: orders, Partition: p, Value: []byte("before")}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		before[p] = record.Offset
	}
	round(t, client, witness, after(window/2)) // warm
	var quiet, busy []time.Duration
	var ratios []float64
	for victim := range int32(rounds) {
		measured := map[bool][]time.Duration{}
		for _, crashing := range []bool{victim%2 == 0, victim%2 != 0} {
			if crashing {
				measured[true] = d.crashInALoop(victim)
			} else {
				measured[false] = ascending(d.besides(spare, after(window)))
			}
		}
		quiet, busy = append(quiet, measured[false]...), append(busy, measured[true]...)
		was, is := percentile(measured[false], 99), percentile(measured[true], 99)
		ratios = append(ratios, float64(is)/float64(was))
		t.Logf("round %d: p50 %v and %v, p99 %v and %v: %.2f times", victim, percentile(measured[false], 50),
			percentile(measured[true], 50), was, is, ratios[victim])
	}
	slices.Sort(quiet)
	slices.Sort(busy)
	slices.Sort(ratios)
	was, is := percentile(quiet, 99), percentile(busy, 99)
	t.Logf("p99 of another partition beside one that works %v, beside one that crashes %v; median of %d rounds %.2f",
		was, is, rounds, ratios[rounds/2])
	t.Log(&d.shadow)
	with, without := d.shadow.p99()
	if float64(with) > mostSlower*float64(without) && with > without+mostNoise {
		t.Errorf("got a p99 of %v beside a replica that crashes, want at most %.1f times %v", with, mostSlower,
			without)
	}
	d.comeBack(before[:])
}

// duel is a partition that is measured and one that another client writes to.
type duel struct {
	t      *testing.T
	world  *world
	client *kgo.Client // of the witness
	hammer *kgo.Client // speaks a version that names topics
	shadow shadow
}

// besides measures one partition while the other client writes to another one.
func (d *duel) besides(other int32, until func() bool) []sample {
	d.t.Helper()
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(d.t.Context())
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_, _ = d.strike(ctx, other) // it may be crashing
			timer := time.NewTimer(pace)
			<-timer.C
		}
	}()
	took := series(d.t, d.client, witness, until)
	cancel()
	<-ended
	return took
}

// strike sends one produce request and returns its code, without anything that a client would do about it.
func (d *duel) strike(ctx context.Context, partition int32) (protocol.Code, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 1000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition = partition
	one := batch.Record{Timestamp: time.Now().UnixMilli(), Value: make([]byte, 100)}
	p.Records = batch.Build(batch.Options{}, one)
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = orders, append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response, err := d.hammer.Broker(int(d.world.nodes[0].id)).Request(ctx, request)
	if err != nil {
		return 0, err
	}
	return protocol.Code(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode), nil
}

// crashInALoop crashes a replica at each message until it is given up, and measures another partition
// meanwhile.
func (d *duel) crashInALoop(victim int32) []time.Duration {
	d.t.Helper()
	n, hits := d.world.nodes[0], d.world.hits
	for len(hits) > 0 {
		<-hits
	}
	id, err := n.faults.Add(kit.Fault{Path: fmt.Sprintf("broker/raft/group-%s-%d", orders, victim), Times: -1})
	if err != nil {
		d.t.Fatal(err)
	}
	defer n.faults.Remove(id)
	over := after(window)
	all := d.besides(victim, func() bool { return over() && len(hits) >= giveUps })
	if got := len(hits); got != giveUps {
		d.t.Errorf("replica %d crashed %d times, want %d until it is given up", victim, got, giveUps)
	}
	d.shadow.note(all, hits)
	begun := time.Now()
	code, err := d.strike(d.t.Context(), victim)
	if err != nil || code != protocol.NotLeaderOrFollower || time.Since(begun) > time.Second {
		d.t.Errorf("got %v, %v after %v from a replica that is offline, want an answer at once", code, err,
			time.Since(begun))
	}
	return ascending(all)
}

// shadow is what a crash and the repair after it do to others: requests that were under way in the first
// milliseconds after one, beside those that were not. Both are of the same seconds, so that what else the
// machine does concerns them alike.
type shadow struct {
	near, far []sample
	with      []sample // all but those near other moments
}

// justAfter is longer than it takes to stop a replica that fails, or to build one that fails at once.
const justAfter = 5 * time.Millisecond

func (s *shadow) note(all []sample, hits <-chan hit) {
	var crashes, others []time.Time
	for len(hits) > 0 {
		crashes = append(crashes, (<-hits).at)
	}
	first, last := all[0].begun, all[len(all)-1].begun
	for i := range crashes {
		step := last.Sub(first) / time.Duration(len(crashes))
		others = append(others, first.Add(step/2+time.Duration(i)*step))
	}
	for _, one := range all {
		if one.isNear(crashes) {
			s.near = append(s.near, one)
		} else {
			s.far = append(s.far, one)
		}
		if !one.isNear(others) {
			s.with = append(s.with, one)
		}
	}
}

// isNear tells whether a request was under way at one of these moments or began right after it.
func (s sample) isNear(moments []time.Time) bool {
	return slices.ContainsFunc(moments, func(at time.Time) bool {
		return s.begun.Add(s.took).After(at) && s.begun.Before(at.Add(justAfter))
	})
}

func (s *shadow) String() string {
	near, far := ascending(s.near), ascending(s.far)
	with, without := s.p99()
	return fmt.Sprintf("%d requests within %v after a crash: p50 %v, p99 %v; %d others: p50 %v, p99 %v; "+
		"with crashes: p99 %v, %.2f times", len(near), justAfter, percentile(near, 50), percentile(near, 99),
		len(far), percentile(far, 50), without, with, float64(with)/float64(without))
}

// p99 is that with the requests that a crash was near, and without them.
func (s *shadow) p99() (with, without time.Duration) {
	return percentile(ascending(s.with), 99), percentile(ascending(s.far), 99)
}

// comeBack starts the node again and wants all partitions to go on behind what they had.
func (d *duel) comeBack(before []int64) {
	d.t.Helper()
	n := d.world.nodes[0]
	n.faults.Clear()
	n.stop()
	n.start()
	for p, last := range before {
		record := &kgo.Record{Topic: orders, Partition: int32(p), Value: []byte("after")}
		if err := d.client.ProduceSync(d.t.Context(), record).FirstErr(); err != nil || record.Offset <= last {
			d.t.Errorf("partition %d: got offset %d, %v after the start", p, record.Offset, err)
		}
	}
}
