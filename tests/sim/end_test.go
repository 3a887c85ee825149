package sim

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/tests/txn/history"
)

// checkEnd looks at a cluster to which nothing happens any more.
func (w *world) checkEnd() {
	c := &caller{world: w, name: "end"}
	replicas := w.checkInSync(c)
	if w.broken != nil {
		return
	}
	final, ends := w.readAll(c)
	if w.broken == nil {
		w.checkReplicas(replicas, ends)
	}
	w.checkHistory(final)
	for _, one := range w.clients {
		if committer, is := one.(*committer); is && w.broken == nil {
			looked := false
			committer.look(func() { looked = true })
			if !w.await(healTime, func() bool { return looked }) {
				w.violate("%s cannot fetch its offset", committer.name)
			}
		}
	}
}

// checkInSync waits until all replicas of all partitions are in sync, and returns where they are.
func (w *world) checkInSync(c *caller) [partitions][]int32 {
	var replicas [partitions][]int32
	whole, last := false, "nothing"
	var look func()
	look = func() {
		r := kmsg.NewPtrMetadataRequest()
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = kmsg.StringPtr(topicName)
		r.Topics = append(r.Topics, one)
		r.SetVersion(9)
		c.request(c.anyNode(), r, func(body kmsg.Response, err error) {
			if err == nil {
				topic := body.(*kmsg.MetadataResponse).Topics[0]
				whole = len(topic.Partitions) == partitions
				for _, p := range topic.Partitions {
					replicas[p.Partition] = p.Replicas
					whole = whole && p.Leader > 0 && len(p.ISR) == len(p.Replicas)
				}
				last = fmt.Sprintf("%+v", topic.Partitions)
			}
			if !whole {
				w.scheduler.after(time.Second, look)
			}
		})
	}
	look()
	if !w.await(healTime, func() bool { return whole }) {
		w.violate("not all replicas get in sync: %s", last)
	}
	return replicas
}

// checkReplicas compares the files of all replicas: up to the end of the log they soon are the same. What lies
// beyond it is not committed, and a replica that lags may have that where others have the log.
func (w *world) checkReplicas(replicas [partitions][]int32, ends [partitions]int64) {
	for index, nodes := range replicas {
		difference := ""
		for range 30 {
			if difference = w.difference(int32(index), nodes, ends[index]); difference == "" {
				break
			}
			w.scheduler.run(w.scheduler.now.Add(time.Second), never)
		}
		if difference != "" && w.broken == nil {
			w.violate("the replicas of %s-%d do not become the same: %s", topicName, index, difference)
		}
	}
}

// difference tells in what the replicas of a partition on some nodes differ before an end, "" if in nothing.
func (w *world) difference(index int32, nodes []int32, end int64) string {
	var first []byte
	for i, id := range nodes {
		log := w.nodes[id-1].segments(index, end)
		switch {
		case i == 0:
			first = log
		case len(log) != len(first):
			return fmt.Sprintf("%d bytes on node %d, %d on node %d", len(first), nodes[0], len(log), id)
		case !bytes.Equal(log, first):
			return fmt.Sprintf("those on nodes %d and %d differ at byte %d", nodes[0], id, differ(first, log))
		}
	}
	return ""
}

func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// segments returns all batches of the replica of a partition on a node, up to an end.
func (n *node) segments(index int32, end int64) []byte {
	dir := fmt.Sprintf("/data/topics/%s-%d", topicName, index)
	names, err := n.disk.mem.List(dir)
	if err != nil {
		return nil
	}
	var all []byte
	next := int64(-1)
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		data, err := vfs.ReadFile(n.disk.mem, dir+"/"+name, 1<<30)
		if err != nil {
			continue
		}
		for len(data) >= batch.HeaderSize {
			b, rest, err := batch.Split(data)
			if err != nil || b == nil || next >= 0 && int64(b.BaseOffset()) != next || int64(b.NextOffset()) > end {
				break
			}
			all, data, next = append(all, b...), rest, int64(b.NextOffset())
		}
	}
	return all
}

// readAll reads all partitions to their ends, which it returns too.
func (w *world) readAll(c *caller) (final []history.Seen, ends [partitions]int64) {
	for index := range int32(partitions) {
		next, ended := int64(0), false
		var read func()
		read = func() {
			c.ask(c.node(topicName, index), func(replyTo kit.Address) any {
				return broker.Fetch{Topic: topicName, Partition: index, Offset: next, Committed: true, ReplyTo: replyTo}
			}, func(message any, err error) {
				m, is := message.(broker.Fetched)
				if err != nil || !is || m.Err != nil {
					c.again(read)
					return
				}
				for i := range m.Records {
					seen, err := seenOf(index, &m.Records[i])
					if err != nil {
						w.violate("a record that nobody wrote stands at %d: %v", m.Records[i].Offset, err)
					}
					final = append(final, seen)
				}
				moved := m.Next > next
				next = m.Next
				switch {
				case next >= m.HighWatermark:
					ended = true
				case moved:
					read()
				default: // a transaction is open yet; it will be aborted
					c.again(read)
				}
			})
		}
		read()
		if !w.await(healTime, func() bool { return ended }) {
			w.violate("%s-%d cannot be read to its end, only to %d", topicName, index, next)
		}
		ends[index] = next
	}
	return final, ends
}

// checkHistory looks for what must not be in the history.
func (w *world) checkHistory(final []history.Seen) {
	if w.broken != nil {
		return
	}
	if found := history.Check(w.ledger.history(final)); len(found) > 0 {
		for index := range int32(partitions) {
			w.draw(index)
		}
		w.violate("%d anomalies: %v", len(found), found[0])
	}
}

// draw puts the batches of a partition into the story, for who looks at an anomaly.
func (w *world) draw(index int32) {
	for _, n := range w.nodes {
		data := n.segments(index, math.MaxInt64)
		if len(data) == 0 {
			continue
		}
		w.log("%s-%d on node %d:", topicName, index, n.id)
		for len(data) > 0 {
			b, rest, _ := batch.Split(data) // segments has taken whole batches only
			first := ""
			_ = b.Records(func(r batch.Record) bool { // what cannot be read is shown as that
				first, _, _ = strings.Cut(string(r.Value), "|")
				return false
			})
			if commit, ends := b.Ends(); ends {
				first = fmt.Sprintf("marker, commit: %t", commit)
			}
			w.log("  %d to %d, epoch %d, producer %d epoch %d sequence %d: %q", b.BaseOffset(), b.LastOffset(), b.LeaderEpoch(),
				b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), first)
			data = rest
		}
		return
	}
}
