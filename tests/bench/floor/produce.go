//go:build linux

package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

const (
	// maxQueued is how many requests and groups may wait; clients have fewer in flight.
	maxQueued = 256
	// maxGroup is how many bytes are committed together: half of a file of the log.
	maxGroup = logFileBytes / 2
)

// commit is one produce request on its way to the disk.
type commit struct {
	client   *client
	header   protocol.Header
	frame    []byte
	writes   []write
	response *kmsg.ProduceResponse
}

// write is the batch of one partition and where its answer goes.
type write struct {
	partition *partition
	batch     batch.Batch
	answer    *kmsg.ProduceResponseTopicPartition
}

// produce checks a request and queues it. The frame is the committer's from then on.
func (c *client) produce(r *protocol.Request, frame []byte) error {
	body := r.Body.(*kmsg.ProduceRequest)
	one := commit{client: c, header: r.Header, frame: frame, response: kmsg.NewPtrProduceResponse()}
	one.response.Version = body.Version
	one.response.Topics = make([]kmsg.ProduceResponseTopic, len(body.Topics))
	for i := range body.Topics {
		if err := one.add(c.server, &body.Topics[i], &one.response.Topics[i]); err != nil {
			return err
		}
	}
	c.server.commits <- one
	return nil
}

func (one *commit) add(s *server, t *kmsg.ProduceRequestTopic, answer *kmsg.ProduceResponseTopic) error {
	found := s.find(t.Topic, t.TopicID)
	if found == nil {
		return fmt.Errorf("produce to topic %q, which does not exist", t.Topic)
	}
	answer.Topic, answer.TopicID = t.Topic, t.TopicID
	answer.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(t.Partitions))
	for i := range t.Partitions {
		p, b := &answer.Partitions[i], batch.Batch(t.Partitions[i].Records)
		if !b.VerifyCRC() {
			return fmt.Errorf("bad checksum in a batch of %d bytes", len(b))
		}
		*p = kmsg.NewProduceResponseTopicPartition()
		p.Partition = t.Partitions[i].Partition
		one.writes = append(one.writes, write{found.partitions[p.Partition], b, p})
	}
	return nil
}

// committer owns the log and the ends of the segments.
type committer struct {
	log   *log
	queue <-chan commit

	answers chan []commit // durable; answered while the next group is being written

	group   []commit
	records [][]byte
	touched []*partition
}

func (l *committer) run() error {
	l.answers = make(chan []commit, maxQueued)
	go l.answer()
	for first := range l.queue {
		l.gather(first)
		if err := l.commit(); err != nil {
			return err
		}
	}
	return nil
}

// answer sends the answers of durable groups. A client that is gone needs none.
func (l *committer) answer() {
	for group := range l.answers {
		for i := range group {
			one := &group[i]
			if one.client.answer(one.header, one.response) == nil {
				one.client.recycle(one.frame)
			}
		}
	}
}

// gather takes everything that waits.
func (l *committer) gather(first commit) {
	l.group = append(make([]commit, 0, cap(l.group)), first)
	for bytes := len(first.frame); bytes < maxGroup; {
		select {
		case one := <-l.queue:
			l.group = append(l.group, one)
			bytes += len(one.frame)
		default:
			return
		}
	}
}

// commit writes the log, then the segments, and hands the answers on.
func (l *committer) commit() error {
	l.records = l.records[:0]
	for i := range l.group {
		for _, w := range l.group[i].writes {
			w.batch.Stamp(protocol.Offset(w.partition.next), 0)
			w.answer.BaseOffset = w.partition.next
			w.partition.next += int64(w.batch.Count())
			l.records = append(l.records, w.batch)
		}
	}
	if err := l.log.write(l.records); err != nil {
		return err
	}
	if err := l.segments(); err != nil {
		return err
	}
	clear(l.records)
	l.answers <- l.group
	return nil
}

// segments writes what each partition got with one call.
func (l *committer) segments() error {
	l.touched = l.touched[:0]
	for i := range l.group {
		for _, w := range l.group[i].writes {
			if len(w.partition.pending) == 0 {
				l.touched = append(l.touched, w.partition)
			}
			w.partition.pending = append(w.partition.pending, w.batch)
		}
	}
	for _, p := range l.touched {
		if err := p.flush(); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
	}
	return nil
}
