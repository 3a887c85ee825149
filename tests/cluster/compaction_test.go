package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/topics"
)

// changes is the topic that is compacted.
const changes, changePartitions = "changes", 3

// compacting settings keep the cleaner of each node busy: files and checkpoints are small, it looks again
// at once, and the keys of a partition take several passes, each of which reads all of the log before it.
func compacting() []string {
	return []string{
		"CHRONIK_STORAGE_WAL_FILE_BYTES=2MiB", "CHRONIK_STORAGE_CHECKPOINT_BYTES=6MiB",
		"CHRONIK_LOG_COMPACTION_CHECK_INTERVAL=20ms", "CHRONIK_LOG_COMPACTION_RATE=" + form("24MiB", "96MiB"),
		"CHRONIK_LOG_COMPACTION_MEMORY=" + form("1MiB", "8MiB"),
	}
}

// sealBytes is written to each partition in the end: enough that what stands before it is neither in the
// active segment nor behind the last checkpoint, from where on nothing is compacted.
const sealBytes = 12 << 20

// sharesAhead is how far the updates are ahead of the kills, in what is sent for each: enough for a load while a
// node dies and comes back, and so little that it lasts until the last of them.
const sharesAhead = 3

// TestCompactionKilled kills nodes at random while all of them compact a topic that is written to. What is
// left in the end is, on each replica alike, the last value of each key, and no tombstone but as the last
// of its key.
func TestCompactionKilled(t *testing.T) {
	beside(t)
	random := seeded(t)
	updates, keys, kills := form(1_000_000, 10_000_000), form(100_000, 1_000_000), form(10, 100)
	c := newCluster(t, lab.Options{Warnings: []string{linkLost, controllerLost, heldUp}, Env: compacting()})
	c.StartAll()
	client := c.Client(c.Node(1), kgo.SeedBrokers(c.Seeds()...), kgo.DefaultProduceTopic(changes),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.StopProducerOnDataLossDetected(),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(64<<10), kgo.MaxBufferedRecords(20_000), kgo.ProducerLinger(5*time.Millisecond))
	err := topics.CreateReplicated(t.Context(), client, changes, changePartitions, 3, map[string]string{
		"min.insync.replicas": "2", "cleanup.policy": "compact", "internal.segment.bytes": "1000000",
		"min.cleanable.dirty.ratio": "0.1", "delete.retention.ms": "1000",
	})
	if err != nil {
		t.Fatal(err)
	}
	c.AwaitInSync(lab.Patience, changes)
	l := newChangelog(keys)
	share := updates / kills
	shares := make(chan int, kills)
	defer close(shares)
	go l.write(client, shares, random.Uint64())
	for range sharesAhead {
		shares <- share
	}
	interrupted := 0
	for kill := range kills {
		if kill+sharesAhead < kills {
			shares <- share
		}
		l.await(c, int64(share)*int64(kill)+random.Int64N(int64(share)))
		n := c.Node(random.Int32N(3) + 1)
		n.Kill()
		if compactedAt(t, n) {
			interrupted++
		}
		n.Start()
		c.AwaitInSync(lab.Patience, changes)
	}
	l.await(c, int64(updates))
	if err := l.seal(t.Context(), client, random); err != nil {
		t.Fatal(err)
	}
	if err := topics.Configure(t.Context(), client, changes, "min.cleanable.dirty.ratio", "0"); err != nil {
		t.Fatal(err)
	}
	wrong := l.equalOnAll(t, c, client)
	killAll(c)
	c.StartAll()
	c.AwaitInSync(lab.Patience, changes)
	if wrong == nil {
		wrong = l.equalOnAll(t, c, client)
	}
	figure := fmt.Sprintf("%d of %d kills interrupted a compaction; %d compactions", interrupted, kills, compactions(c))
	if wrong != nil {
		figure = wrong.Error()
	}
	row(t, fmt.Sprintf("%d updates of %d keys, compacted while nodes are killed with -9: exactly the last values, "+
		"the same on all replicas", updates, keys), "yes", wrong == nil, "%s", figure)
	if interrupted == 0 {
		t.Error("no compaction was interrupted, which proves nothing")
	}
}

// compactedAt tells whether a node that was killed has left a segment that was being written by its cleaner.
func compactedAt(t *testing.T, n *lab.Node) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.Data, "topics", changes+"-*", "*.cleaned"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files) > 0
}

// compactions counts those that came to an end.
func compactions(c *lab.Cluster) int {
	count := 0
	for _, n := range c.Nodes {
		for _, entry := range n.Entries() {
			if entry.Message == "log is compacted" {
				count++
			}
		}
	}
	return count
}

// equalOnAll reads all partitions from each node until they are what they have to be, and compares them.
func (l *changelog) equalOnAll(t *testing.T, c *lab.Cluster, client *kgo.Client) error {
	t.Helper()
	c.AwaitInSync(lab.Patience, changes)
	ends, err := topics.Offsets(t.Context(), client, changes, changePartitions, topics.Latest)
	if err != nil {
		return err
	}
	for p, end := range ends {
		var first content
		for _, n := range c.Members() {
			var found content
			err := lab.Poll(t.Context(), form(2*time.Minute, 10*time.Minute), func(ctx context.Context) (err error) {
				found, err = l.read(ctx, n, int32(p), end)
				return err
			})
			switch {
			case err != nil:
				return fmt.Errorf("%s-%d on node %d: %w", changes, p, n.ID, err)
			case n.ID == 1:
				first = found
			case found.sum != first.sum:
				return fmt.Errorf("%s-%d: nodes %d and 1 hold different values", changes, p, n.ID)
			}
			t.Logf("%s-%d on node %d: %d values and %d tombstones up to %d", changes, p, n.ID, found.values,
				found.tombstones, end)
		}
	}
	return nil
}

// seal writes to each partition until what stands before it can be compacted.
func (l *changelog) seal(ctx context.Context, client *kgo.Client, random *rand.Rand) error {
	value := make([]byte, 10_000)
	for i := range value {
		value[i] = byte(random.Uint32())
	}
	for range sealBytes / len(value) {
		for p := range int32(changePartitions) {
			client.Produce(ctx, &kgo.Record{Partition: p, Key: []byte(sealKey), Value: value}, l.sealed)
		}
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return l.problem()
}
