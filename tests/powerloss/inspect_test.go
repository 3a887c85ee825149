package powerloss

import (
	"io"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// inspection compares a node that has just started with the book.
type inspection struct {
	*book
	life   *life
	number uint64 // tells the batches met in this inspection
}

// inspect looks at everything. All that the node does by itself at its start is done.
func (i *inspection) inspect() {
	if len(i.life.failures) > 0 {
		i.broken("the node fails on its own disk: %v", i.life.failures[0])
		return
	}
	i.topicsAsPromised()
	for _, name := range i.names {
		topic := i.topics[name]
		if topic.state != present {
			continue
		}
		for index, log := range topic.logs {
			replica := i.life.table.LookupID(topic.id, int32(index))
			if replica == nil || !replica.Leadership().Ready || replica.Offline() {
				i.broken("%s is not served after the start", log.name)
				return
			}
			i.log(log, replica)
		}
	}
}

// topicsAsPromised settles what was open when the power went and checks the rest.
func (i *inspection) topicsAsPromised() {
	img := i.life.current.Image()
	for topic := range img.Topics() {
		if i.topics[topic.Name] == nil {
			i.broken("topic %s was invented", topic.Name)
		}
	}
	for _, name := range i.names {
		known, found := i.topics[name], img.Topic(name)
		switch {
		case known.state == creating && found != nil:
			known.created(found)
		case known.state == deleting && found != nil:
			known.state = present
		case known.state == creating || known.state == deleting:
			known.removed()
		}
		switch {
		case known.state == absent && found != nil:
			i.broken("topic %s is there, its deletion had been confirmed", name)
		case known.state == present && found == nil:
			i.broken("%w: topic %s", errLost, name)
		case known.state == present && (found.ID != known.id || len(found.Partitions) != known.partitions):
			i.broken("topic %s was %v with %d partitions and is %v with %d", name, known.id, known.partitions,
				found.ID, len(found.Partitions))
		}
	}
}

// log reads a whole partition.
func (i *inspection) log(log *logBook, replica *partition.Replica) {
	view := replica.View()
	if view.Start() < log.seenStart || view.End() < log.seenEnd {
		i.broken("%w: %s was [%d, %d) and is [%d, %d)", errLost, log.name, log.seenStart, log.seenEnd, view.Start(), view.End())
		return
	}
	log.seenStart, log.seenEnd = view.Start(), view.End()
	data, err := readAll(view)
	if err != nil {
		i.broken("%s cannot be read: %v", log.name, err)
		return
	}
	i.batches(log, view, data)
	if i.err == nil {
		i.transactionsOf(log, view)
	}
	for _, s := range log.sent {
		met := s.found == i.number
		switch {
		case met:
		case s.promised && s.offset+protocol.Offset(s.pristine.Count()) > view.Start():
			i.broken("%w: %s: %s was promised at %d and is not in [%d, %d)", errLost, log.name, s, s.offset, view.Start(),
				view.End())
		case !s.promised && !s.writer.idempotent():
			s.gone = true
		}
	}
}

// readAll returns all batches from the log start to the high watermark.
func readAll(view *partitionlog.View) ([]byte, error) {
	var all []byte
	for at := view.Start(); at < view.End(); {
		region, err := view.Read(at, 32<<10, true)
		if err != nil {
			return nil, err
		}
		data := make([]byte, region.Length)
		_, err = region.ReadAt(data, 0)
		region.Release()
		if err != nil {
			return nil, err
		}
		for len(data) > 0 { // the region may end in the middle of a batch
			header, ok := batch.PeekHeader(data)
			if !ok || header.Size > len(data) {
				break
			}
			all = append(all, data[:header.Size]...)
			at, data = batch.Batch(data).NextOffset(), data[header.Size:]
		}
		if region.Length == 0 {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return all, nil
}

// batches checks the bytes of a log: whole, known, in order, once.
func (i *inspection) batches(log *logBook, view *partitionlog.View, data []byte) {
	next := view.Start()
	last := map[*writer]*sent{}
	for first := true; len(data) > 0; first = false {
		header, _ := batch.PeekHeader(data)
		one := batch.Batch(data[:header.Size])
		data = data[header.Size:]
		contiguous := one.BaseOffset() == next || first && one.BaseOffset() < next && one.NextOffset() > next
		s := i.byNumber[one.BaseTimestamp()]
		switch {
		case !one.VerifyCRC():
			i.broken("%s: damaged batch at %d", log.name, one.BaseOffset())
		case !contiguous:
			i.broken("%s: batch at %d where %d was expected", log.name, one.BaseOffset(), next)
		case s == nil || !s.same(one):
			i.broken("%s: nobody sent the batch at %d", log.name, one.BaseOffset())
		default:
			i.met(log, s, one, last)
		}
		if i.err != nil {
			return
		}
		next = one.NextOffset()
	}
	if next != view.End() {
		i.broken("%s: the batches end at %d, the high watermark is %d", log.name, next, view.End())
	}
}

// met checks one batch against those of the same writer.
func (i *inspection) met(log *logBook, s *sent, stored batch.Batch, last map[*writer]*sent) {
	before := last[s.writer]
	if s.marker {
		before = nil
	} else {
		last[s.writer] = s
	}
	switch {
	case s.found == i.number:
		i.broken("%s: %s is there twice, also at %d", log.name, s, stored.BaseOffset())
	case s.gone:
		i.broken("%s: %s had not survived and is there again", log.name, s)
	case !s.promised && s.refused == s.attempts:
		i.broken("%s: %s was refused and is there", log.name, s)
	case before != nil && before.number > s.number:
		i.broken("%s: %s stands before %s", log.name, before, s)
	case before != nil && s.writer.idempotent() && before.pristine.LastSequence()+1 != s.pristine.BaseSequence():
		i.broken("%s: %s follows %s: sequences have a gap", log.name, s, before)
	}
	s.found = i.number
	i.promise(s, stored.BaseOffset())
}
