package sim

import (
	"bytes"
	"fmt"
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
	w.checkReplicas(replicas)
	w.checkHistory(w.readAll(c))
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

// checkReplicas compares the files of all replicas: what is in segments was committed, so one is the beginning of
// the other, and soon they are the same.
func (w *world) checkReplicas(replicas [partitions][]int32) {
	for index, nodes := range replicas {
		same := func() bool {
			var logs [][]byte
			for _, id := range nodes {
				logs = append(logs, w.nodes[id-1].segments(int32(index)))
			}
			for i := range logs[1:] {
				shorter, longer := logs[i], logs[i+1]
				if len(shorter) > len(longer) {
					shorter, longer = longer, shorter
				}
				if !bytes.HasPrefix(longer, shorter) {
					w.violate("the replicas of %s-%d on nodes %d and %d differ at byte %d", topicName, index, nodes[i], nodes[i+1],
						differ(shorter, longer))
					return true
				}
			}
			for i := range logs[1:] {
				if len(logs[i]) != len(logs[i+1]) {
					return false
				}
			}
			return true
		}
		alike := same()
		for tries := 30; !alike && tries > 0; tries-- {
			w.scheduler.run(w.scheduler.now.Add(time.Second), never)
			alike = same()
		}
		if w.broken == nil && !alike {
			w.violate("the replicas of %s-%d do not become the same", topicName, index)
		}
	}
}

func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

// segments returns all batches of the replica of a partition on a node.
func (n *node) segments(index int32) []byte {
	dir := fmt.Sprintf("/data/topics/%s-%d", topicName, index)
	names, err := n.disk.mem.List(dir)
	if err != nil {
		return nil
	}
	var all []byte
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		data, err := vfs.ReadFile(n.disk.mem, dir+"/"+name, 1<<30)
		if err != nil {
			continue
		}
		rest := data
		for len(rest) >= batch.HeaderSize {
			b, after, err := batch.Split(rest)
			if err != nil || b == nil {
				break
			}
			rest = after
		}
		whole := data[:len(data)-len(rest)]
		if all == nil {
			all = whole // most have one file; what follows another is copied behind it
			continue
		}
		all = append(all, whole...)
	}
	return all
}

// readAll reads all partitions to their ends.
func (w *world) readAll(c *caller) []history.Seen {
	var final []history.Seen
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
	}
	return final
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
		data := n.segments(index)
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
