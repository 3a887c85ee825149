package powerloss

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/janitor"
)

const (
	maxTopics  = 4
	maxWriters = 3
)

// load is the clients of one life.
type load struct {
	*book
	life  *life
	power *power
	ended bool // answers that come after the life do not count
}

// step does one random thing.
func (d *load) step() {
	random := d.life.Random()
	switch n := random.IntN(1000); {
	case n < 480:
		d.produce()
	case n < 900:
		d.life.steps(random.IntN(60))
	case n < 920:
		d.createTopic()
	case n < 926:
		d.deleteTopic()
	case n < 945:
		d.deleteRecords()
	case n < 955:
		d.life.storage.Janitor.Tell(janitor.CheckpointNow{})
	case n < 970:
		d.life.Advance(time.Duration(random.IntN(2000)) * time.Millisecond)
	case n < 985:
		d.allocate()
	default:
		d.observe()
	}
}

// log draws a partition that can be written to.
func (d *load) log() (*logBook, *partition.Replica) {
	if len(d.names) == 0 {
		return nil, nil
	}
	topic := d.topics[d.names[d.life.Random().IntN(len(d.names))]]
	if topic.state != present {
		return nil, nil
	}
	index := d.life.Random().IntN(len(topic.logs))
	return topic.logs[index], d.life.table.LookupID(topic.id, int32(index))
}

func (d *load) produce() {
	log, replica := d.log()
	if replica == nil {
		return
	}
	w := d.writer(log)
	if w.ending != nil || d.life.Random().IntN(8) == 0 {
		d.end(log, w, replica)
	}
	if w.ending != nil {
		return
	}
	for range 1 + d.life.Random().IntN(3) {
		d.next(log, w, replica)
	}
}

// writer draws a producer of the log, now and then a new one.
func (d *load) writer(log *logBook) *writer {
	random := d.life.Random()
	if n := random.IntN(maxWriters); n < len(log.writers) {
		return log.writers[n]
	}
	w := &writer{pid: batch.NoProducerID}
	if len(d.pids) > 0 && random.IntN(3) > 0 {
		w.pid, w.transactional = d.pids[0], random.IntN(2) == 0
		d.pids = d.pids[1:]
	}
	log.writers = append(log.writers, w)
	return w
}

// next sends what is the producer's turn: the next batch, or all again that has no answer.
func (d *load) next(log *logBook, w *writer, replica *partition.Replica) {
	switch {
	case w.failed && w.inFlight > 0, w.idempotent() && !w.failed && len(w.unanswered) == remembered:
		return
	case w.failed:
		w.failed = false
		d.again(log, w, replica)
		return
	}
	s := d.build(w)
	log.sent = append(log.sent, s)
	if w.idempotent() {
		w.sequence += int32(s.pristine.Count())
		w.unanswered = append(w.unanswered, s)
	}
	d.send(log, s, replica)
}

func (d *load) again(log *logBook, w *writer, replica *partition.Replica) {
	for _, s := range slices.Clone(w.unanswered) {
		d.retried++
		d.send(log, s, replica)
	}
}

// build makes a batch. Sizes differ a lot; some are larger than a file of the write-ahead log.
func (d *load) build(w *writer) *sent {
	random := d.life.Random()
	number := int64(len(d.byNumber) + 1)
	size := random.IntN(300)
	switch random.IntN(40) {
	case 0:
		size = 2000 + random.IntN(4000)
	case 1:
		size = random.IntN(20_000)
	}
	records := make([]batch.Record, 1+random.IntN(4))
	for i := range records {
		value := bytes.Repeat(fmt.Appendf(nil, "%d.%d ", number, i), 1+size/8)
		records[i] = batch.Record{Timestamp: number, Key: []byte{byte(i)}, Value: value}
	}
	options := batch.Options{Transactional: w.transactional}
	if w.idempotent() {
		options.Producer = &batch.Producer{ID: w.pid, Sequence: w.sequence}
	}
	s := &sent{number: number, pristine: batch.Build(options, records...), writer: w}
	w.wrote = true
	d.byNumber[number] = s
	return s
}

func (d *load) send(log *logBook, s *sent, replica *partition.Replica) {
	s.attempts++
	s.writer.inFlight++
	request := partition.Append{Batch: slices.Clone(s.pristine), AppendTime: -1, Verification: d.verified(s, replica)}
	d.propose(replica, request, func(m group.Proposed) { d.answered(log, s, m) })
}

// propose sends a request and takes exactly one answer.
func (d *load) propose(replica *partition.Replica, request any, answer func(group.Proposed)) {
	answered := false
	replica.Core.Tell(group.Propose{Request: request, ReplyTo: kit.AddressFor("client", func(m any) {
		if d.ended {
			return
		}
		if answered {
			d.broken("%s: second answer to %T: %+v", replica.Name(), request, m)
		}
		answered = true
		answer(m.(group.Proposed))
	})})
}

func (d *load) answered(log *logBook, s *sent, m group.Proposed) {
	w := s.writer
	w.inFlight--
	if m.Err == nil {
		result := m.Result.(partition.Appended)
		if result.Duplicate && s.attempts == 1 {
			d.broken("%s: %s was sent once and answered as a duplicate of %d", log.name, s, result.BaseOffset)
		}
		d.ack(s, result.BaseOffset)
		w.settled(s)
		return
	}
	if !errors.Is(m.Err, group.ErrLostLeadership) {
		s.refused++
	}
	if code := protocol.CodeOf(m.Err); code == protocol.OutOfOrderSequenceNumber && !w.failed && !d.power.off {
		d.broken("%s: %s was refused: %v", log.name, s, m.Err)
	}
	w.failed = w.idempotent()
}

func (d *load) createTopic() {
	topic := d.topic(fmt.Sprintf("t%d", d.life.Random().IntN(maxTopics)))
	if topic.state != absent {
		return
	}
	topic.state = creating
	request := controller.CreateTopic{
		Name: topic.name, Partitions: 1 + d.life.Random().Int32N(3), ReplicationFactor: controller.FromDefault}
	d.submit(request, func(m metadata.Submitted) {
		if created, is := m.Event.(image.TopicCreated); is && m.Err == nil {
			topic.created(created.Topic)
		}
	})
}

func (d *load) deleteTopic() {
	topic := d.topic(fmt.Sprintf("t%d", d.life.Random().IntN(maxTopics)))
	if topic.state != present {
		return
	}
	topic.state = deleting
	d.submit(controller.DeleteTopic{ID: topic.id}, func(m metadata.Submitted) {
		if m.Err == nil {
			topic.removed()
			d.deleted++
		}
	})
}

func (d *load) submit(request any, answer func(metadata.Submitted)) {
	d.life.metadata.Tell(metadata.Submit{Request: request, ReplyTo: kit.AddressFor("client", func(m any) {
		if !d.ended {
			answer(m.(metadata.Submitted))
		}
	})})
}

func (d *load) deleteRecords() {
	log, replica := d.log()
	if replica == nil || replica.View() == nil {
		return
	}
	wanted := protocol.Offset(-1)
	if random := d.life.Random(); random.IntN(4) > 0 {
		wanted = log.seenStart + protocol.Offset(random.Int64N(int64(log.seenEnd-log.seenStart)+1))
	}
	d.propose(replica, partition.DeleteRecords{Offset: wanted}, func(m group.Proposed) {
		if m.Err == nil {
			low := m.Result.(partition.DeletedRecords).LowWatermark
			if wanted >= 0 && low < wanted {
				d.broken("%s: got low watermark %d after deleting below %d", log.name, low, wanted)
			}
			log.seenStart = max(log.seenStart, low)
			log.seenEnd = max(log.seenEnd, low)
		}
	})
}

// allocate asks for a producer id, which nobody else may ever have been given.
func (d *load) allocate() {
	d.life.metadata.Tell(metadata.AllocateProducerID{ReplyTo: kit.AddressFor("client", func(m any) {
		got := m.(metadata.ProducerIDAllocated)
		if d.ended || got.Err != nil {
			return
		}
		if got.ID <= d.highest {
			d.broken("producer id %d was handed out after %d", got.ID, d.highest)
		}
		d.highest = got.ID
		d.pids = append(d.pids, got.ID)
	})})
}

// observe looks at a log as a reader does: what it has seen may not vanish any more.
func (d *load) observe() {
	log, replica := d.log()
	if replica == nil || replica.View() == nil {
		return
	}
	view := replica.View()
	if view.End() < log.seenEnd || view.Start() < log.seenStart {
		d.broken("%s went back from [%d, %d) to [%d, %d)", log.name, log.seenStart, log.seenEnd, view.Start(), view.End())
	}
	log.seenStart, log.seenEnd = view.Start(), view.End()
}

// remember has every idempotent producer send what has no answer, then what had one already, then one
// batch too far. The node must know its producers again.
func (d *load) remember() {
	for _, name := range d.names {
		topic := d.topics[name]
		for index, log := range topic.logs {
			if replica := d.life.table.LookupID(topic.id, int32(index)); topic.state == present && replica != nil {
				for _, w := range log.writers {
					d.recall(log, w, replica)
				}
			}
		}
	}
	d.life.Run()
}

func (d *load) recall(log *logBook, w *writer, replica *partition.Replica) {
	if !w.idempotent() || len(w.unanswered)+len(w.last) == 0 {
		return
	}
	w.failed = false
	before := slices.Clone(w.last)
	for _, s := range before[min(len(before), len(w.unanswered)):] { // unanswered ones may have pushed out the others
		d.retried++
		d.send(log, s, replica)
	}
	d.again(log, w, replica)
	far := batch.Build(batch.Options{Producer: &batch.Producer{ID: w.pid, Sequence: w.sequence + 7}}, batch.Record{})
	d.propose(replica, partition.Append{Batch: far, AppendTime: -1}, func(m group.Proposed) {
		d.gaps++
		if protocol.CodeOf(m.Err) != protocol.OutOfOrderSequenceNumber && !d.power.off {
			d.broken("%s: producer %d left a gap and got %+v, want OUT_OF_ORDER_SEQUENCE_NUMBER", log.name, w.pid, m)
		}
	})
}
