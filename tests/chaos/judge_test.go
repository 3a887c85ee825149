package chaos

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/storage/vfs"
)

// finish stops the load and judges the history.
func (c *campaign) finish() {
	c.load.stop()
	c.t.Logf("%d records acked; slowest requests: %s", c.load.ledger.count(), c.load.slowest())
	c.load.ledger.verifyTransactions(c.committed())
	c.load.ledger.verify(c.t, c.content())
	c.compareReplicas()
}

// content reads the topic from its beginning to its end.
func (c *campaign) content() map[int32][]string {
	content := map[int32][]string{}
	c.readAll(orders, false, func(r *kgo.Record) {
		if int(r.Offset) != len(content[r.Partition]) {
			c.t.Fatalf("partition %d has a hole before offset %d", r.Partition, r.Offset)
		}
		content[r.Partition] = append(content[r.Partition], string(r.Value))
	})
	return content
}

// committed counts what a reader of committed records gets, by transaction.
func (c *campaign) committed() map[string]int {
	counts := map[string]int{}
	c.readAll(payments, true, func(r *kgo.Record) { counts[string(r.Value)]++ })
	return counts
}

// readAll reads what a topic has. A marker in each partition says where that ends: it is written now.
func (c *campaign) readAll(topic string, committed bool, visit func(*kgo.Record)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ends := map[int32]int64{}
	for p := range int32(partitions) {
		record := &kgo.Record{Topic: topic, Partition: p, Value: []byte("end/1")}
		for c.prober.ProduceSync(ctx, record).FirstErr() != nil {
			if ctx.Err() != nil {
				c.t.Fatalf("the end of %s-%d was not written", topic, p)
			}
			record = &kgo.Record{Topic: topic, Partition: p, Value: []byte("end/1")}
		}
		ends[p] = record.Offset
	}
	options := []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	if committed {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	reader := c.world.client(options...)
	defer reader.Close()
	for len(ends) > 0 {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("%s: the end of %v was not read", topic, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, open := ends[r.Partition]; open && r.Offset == end {
				delete(ends, r.Partition)
			} else if open && string(r.Value) != "end/1" {
				visit(r)
			}
		})
	}
}

// compareReplicas takes its disk from one node, waits until all replicas of a partition are of one length, stops all
// nodes, and wants the files to hold the same bytes, as far as that length.
func (c *campaign) compareReplicas() {
	if len(c.world.nodes) == 1 {
		return
	}
	if loss := (provocation{cuts: true, wipes: true}); c.ready(loss, nil) {
		c.carryOut(loss, c.anyNode(), false)
	}
	lengths := c.lengths()
	for _, n := range c.world.nodes {
		n.stop()
	}
	for name, length := range lengths {
		first := c.segments(c.world.nodes[0], name, length)
		for _, n := range c.world.nodes[1:] {
			if !bytes.Equal(first, c.segments(n, name, length)) {
				c.t.Errorf("VIOLATION: the replicas of %s on nodes 1 and %d differ within %d bytes", name, n.id, length)
			}
		}
	}
}

// lengths returns the bytes of each partition, when all nodes have as many: a follower may have the end yet to apply,
// and one that has just lost its disk nearly everything.
func (c *campaign) lengths() map[string]int64 {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for begun := time.Now(); ; <-look.C {
		all := make([]map[string]int64, len(c.world.nodes))
		for i, n := range c.world.nodes {
			all[i] = c.sizes(n)
		}
		same := len(all[0]) == 2*partitions
		for _, one := range all[1:] {
			same = same && maps.Equal(all[0], one)
		}
		if same {
			return all[0]
		}
		if waited := time.Since(begun); waited > patience {
			c.t.Fatalf("VIOLATION: after %v the nodes have so many bytes of each partition: %v", waited, all)
		}
	}
}

// sizes asks a node for the bytes in its logs of what the load writes, by partition. Its files may go on behind them,
// with what is not committed.
func (c *campaign) sizes(n *node) map[string]int64 {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request := kmsg.NewPtrDescribeLogDirsRequest()
	for _, name := range []string{orders, payments} {
		topic := kmsg.NewDescribeLogDirsRequestTopic()
		topic.Topic = name
		for p := range int32(partitions) {
			topic.Partitions = append(topic.Partitions, p)
		}
		request.Topics = append(request.Topics, topic)
	}
	answer, err := request.RequestWith(ctx, c.prober.Broker(int(n.id)))
	if err != nil {
		c.t.Fatalf("node %d does not describe its logs: %v", n.id, err)
	}
	sizes := map[string]int64{}
	for _, dir := range answer.Dirs {
		for _, topic := range dir.Topics {
			for _, p := range topic.Partitions {
				sizes[fmt.Sprintf("%s-%d", topic.Topic, p.Partition)] = p.Size
			}
		}
	}
	return sizes
}

// segments returns the first bytes of a replica.
func (c *campaign) segments(n *node, name string, size int64) (all []byte) {
	data, err := filepath.Abs(n.config.DataDir)
	if err != nil {
		c.t.Fatal(err)
	}
	dir := filepath.Join(data, "topics", name)
	names, err := n.fs.List(dir)
	if err != nil {
		c.t.Errorf("node %d: %v", n.id, err)
	}
	slices.Sort(names)
	for _, one := range names {
		if !strings.HasSuffix(one, ".log") {
			continue
		}
		content, err := vfs.ReadFile(n.fs, filepath.Join(dir, one), 1<<30)
		if err != nil {
			c.t.Errorf("node %d: %v", n.id, err)
		}
		all = append(all, content...)
	}
	if int64(len(all)) < size {
		c.t.Fatalf("node %d has %d bytes of %s on disk, want %d", n.id, len(all), name, size)
	}
	return all[:size]
}
