package partitionlog

import (
	"fmt"
	"io"

	"github.com/chronik-go/chronik/actors/kit/planted"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Have describes what this log holds, for Share of another replica's log: where it ends, since what is before
// is the same everywhere. While it is copied anew, that is where the copy ends.
func (l *Log) Have() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.renewing.log != nil {
		return l.renewing.log.Have()
	}
	h := have{topicID: l.config.TopicID, end: l.end, epoch: protocol.NoLeaderEpoch}
	if l.end > l.start {
		h.epoch = l.epochs.at(l.end - 1)
	}
	return h.encode()
}

// Share notes what the log holds now and returns what reads the part of it that a replica with have lacks;
// nil have lacks everything. It touches no file. The Source may be read at the same time as everything else
// goes on; retention may take away what it has yet to read, and then it fails. Until it is closed compaction
// leaves tombstones and markers where they are (purge.go).
func (l *Log) Share(have []byte) (*Source, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	s := &Source{view: l.View(), producers: l.producers.Clone(), limit: maxPieceBytes}
	s.header = header{
		topicID: l.config.TopicID, start: l.start, end: l.end, producersEnd: l.producersEnd, epochs: l.epochs,
		purged: l.files.purge.purged(),
	}
	s.next = l.start
	if have == nil {
		return s.hold(&l.files.purge), nil
	}
	h, err := decodeHave(have)
	if err != nil {
		return nil, err
	}
	if err := s.admit(h); err != nil {
		return nil, fmt.Errorf("share %s: %w", l.files.dir, err)
	}
	if planted.ShortRange && s.header.end > h.end+1 {
		s.header.end--
	}
	if s.header.anew = h.end > l.start && h.end < s.header.purged; !s.header.anew {
		s.next = min(max(h.end, l.start), l.end)
	}
	return s.hold(&l.files.purge), nil
}

// Source reads what one replica lacks of a log, piece by piece. It has one reader.
type Source struct {
	view      *View // nil once it is closed
	header    header
	producers *Producers
	limit     int             // of a piece in bytes, unless a single batch is larger
	next      protocol.Offset // of the next record
	want      protocol.Offset // of the next batch: below next only if the log start cuts the first one
	begun     bool
	table     []byte // what is left of the encoded producers
	encoded   bool
	purge     *purge // nil once it is closed
	purges    uint64 // how often the log had been purged
}

// hold keeps compaction from purging until the Source is closed.
func (s *Source) hold(p *purge) *Source {
	p.sources.Add(1)
	s.purge, s.purges = p, p.times.Load()
	return s
}

// missed tells whether something was purged behind an offset after all.
func (s *Source) missed(from protocol.Offset) bool {
	return s.purge.times.Load() != s.purges && s.purge.purged() > from
}

// admit refuses a replica whose log is not a part of the same one. Both hold only what was committed, so
// that means that a promise was broken, and copying would hide it.
func (s *Source) admit(h have) error {
	if h.topicID != s.header.topicID {
		return fmt.Errorf("the replica holds topic %s, not %s",
			topicIDEncoding.EncodeToString(h.topicID[:]), topicIDEncoding.EncodeToString(s.header.topicID[:]))
	}
	if h.end <= s.header.start || h.end > s.header.end || h.epoch == protocol.NoLeaderEpoch {
		return nil
	}
	if epoch := s.header.epochs.at(h.end - 1); epoch != h.epoch {
		return fmt.Errorf("the logs part: offset %d is of epoch %d there and of %d here", h.end-1, h.epoch, epoch)
	}
	return nil
}

// Next returns the next piece, which belongs to the caller, and io.EOF after the last one. Errors:
// ErrOffsetOutOfRange if retention was faster, errPurged if compaction was, a *CorruptError if a batch is
// damaged, a failed read.
func (s *Source) Next() ([]byte, error) {
	switch {
	case s.view == nil:
		return nil, ErrClosed
	case !s.begun:
		return s.first()
	case s.next < s.header.end:
		return s.batches()
	case !s.encoded:
		s.table, s.encoded = encodeSnapshot(s.producers), true
		s.producers = nil
		return s.someProducers(), nil
	case len(s.table) > 0:
		return s.someProducers(), nil
	}
	return nil, io.EOF
}

// Close lets go of the log.
func (s *Source) Close() {
	if s.purge != nil {
		s.purge.sources.Add(-1)
	}
	s.view, s.producers, s.table, s.purge = nil, nil, nil, nil
}

// first returns the header. The log start may lie inside the first batch, which then begins before it.
func (s *Source) first() ([]byte, error) {
	s.header.from = s.next
	if s.next < s.header.end {
		r, err := s.view.Read(s.next, 1, true)
		if err != nil {
			return nil, err
		}
		defer r.Release()
		var head [batch.HeaderSize]byte
		if _, err := r.ReadAt(head[:], 0); err != nil {
			return nil, fmt.Errorf("read %s at %d: %w", r.Segment.Name(), r.Position, err)
		}
		if h, ok := batch.PeekHeader(head[:]); ok && !h.IsFiller() {
			s.header.from = h.BaseOffset
		}
	}
	s.begun, s.want = true, s.header.from
	return s.header.encode(), nil
}

// batches returns as many whole batches as fit, one at least.
func (s *Source) batches() ([]byte, error) {
	r, err := s.view.Read(s.next, s.limit-pieceFrame, true)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	piece := newPiece(pieceBatches, int(r.Length))
	body := piece[len(piece) : len(piece)+int(r.Length)]
	if _, err := r.ReadAt(body, 0); err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", r.Segment.Name(), r.Position, err)
	}
	if s.missed(s.next) {
		return nil, errPurged
	}
	fillFrom(body, s.want)
	whole := 0
	for whole < len(body) {
		h, ok := batch.PeekHeader(body[whole:])
		if !ok || h.Size > len(body)-whole {
			break
		}
		whole += h.Size
		s.next = h.NextOffset()
		s.want = s.next
	}
	if whole == 0 {
		return nil, r.Segment.corrupt(r.Position, "no batch header")
	}
	return closePiece(piece[:len(piece)+whole]), nil
}

// fillFrom makes the filler that data may begin with begin at an offset. What one replica has compacted to
// one filler may be several batches in another that ends, or in what was already read, between two of them.
func fillFrom(data []byte, from protocol.Offset) {
	h, ok := batch.PeekHeader(data)
	if ok && h.IsFiller() && h.BaseOffset < from && h.LastOffset >= from {
		copy(data, batch.Filler(from, h.LastOffset, h.LeaderEpoch))
	}
}

// someProducers returns the next part of the producer table.
func (s *Source) someProducers() []byte {
	n := min(len(s.table), s.limit-pieceFrame-1)
	last := byte(0)
	if n == len(s.table) {
		last = 1
	}
	piece := append(newPiece(pieceProducers, 1+n), last)
	piece = append(piece, s.table[:n]...)
	s.table = s.table[n:]
	return closePiece(piece)
}
