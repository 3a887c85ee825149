package partitionlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/chronik-go/chronik/protocol"
)

// What passes from a Source to Restore goes to another node, which may run another version. A piece:
//
//	version   uint8    1
//	kind      uint8
//	body
//	CRC-32C   uint32   of everything before: that of a batch covers neither its offset nor its epoch
//
//	kind 1, header, the first piece
//	  topic id               16 bytes
//	  log start              varint
//	  from                   varint   base offset of the first batch that follows; the end if none does
//	  end                    varint
//	  end of the producers   varint   as in a State
//	  number of epochs       varint   the leader-epoch history from the log start on, as in a State
//	    epoch, start         varint, varint
//	kind 4, header of a log that has been purged (purge.go), in place of kind 1
//	  purged                 varint
//	  anew                   uint8    1: what the replica has is of no use beside what follows, see renewal.go
//	  the rest               as in kind 1
//	kind 2, batches          whole record batches as they are in the segments, contiguous from piece to piece
//	kind 3, producers, after all batches
//	  last                   uint8    1 in the last piece, else 0
//	  part of the content of a producer snapshot file (snapshot.go)
//
// What Have returns:
//
//	version   uint8    1
//	topic id  16 bytes
//	end       varint
//	epoch+1   varint   of the last record; 0 if there is none or it is deleted
//	CRC-32C   uint32   of everything before
const (
	pieceVersion = 1
	haveVersion  = 1

	pieceHeader    = 1
	pieceBatches   = 2
	pieceProducers = 3
	piecePurged    = 4

	// pieceFrame is what version, kind and checksum take.
	pieceFrame = 2 + 4
	// maxPieceBytes bounds a piece, unless a single batch is larger.
	maxPieceBytes = 1 << 20
)

// ErrSource says that pieces are not what the source of a log of the same partition hands out. Nothing of the
// piece was taken. Another source, or the same one from the start, may be right.
var ErrSource = errors.New("unusable copy of a partition log")

func sourceError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSource, fmt.Sprintf(format, args...))
}

// newPiece begins a piece with room for a body of that many bytes.
func newPiece(kind byte, body int) []byte {
	return append(make([]byte, 0, body+pieceFrame), pieceVersion, kind)
}

// closePiece adds the checksum.
func closePiece(data []byte) []byte {
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// openPiece takes the frame off.
func openPiece(piece []byte) (kind byte, body []byte, err error) {
	n := len(piece) - 4
	if n < 2 || crc32.Checksum(piece[:n], castagnoli) != binary.BigEndian.Uint32(piece[n:]) {
		return 0, nil, sourceError("a piece of %d bytes fails its checksum", len(piece))
	}
	if piece[0] != pieceVersion {
		return 0, nil, sourceError("a piece of version %d, written by a newer one", piece[0])
	}
	return piece[1], piece[2:n:n], nil
}

// header is the first piece.
type header struct {
	topicID      [16]byte
	start        protocol.Offset
	from         protocol.Offset
	end          protocol.Offset
	producersEnd protocol.Offset
	epochs       epochs
	purged       protocol.Offset
	anew         bool
}

func (h *header) encode() []byte {
	data := newPiece(pieceHeader, 80+8*len(h.epochs))
	if h.purged > 0 {
		data = binary.AppendUvarint(newPiece(piecePurged, 80+8*len(h.epochs)), uint64(h.purged))
		data = append(data, flag(h.anew))
	}
	data = append(data, h.topicID[:]...)
	for _, offset := range []protocol.Offset{h.start, h.from, h.end, h.producersEnd} {
		data = binary.AppendUvarint(data, uint64(offset))
	}
	return closePiece(h.epochs.encode(data))
}

// flag returns how a condition is written.
func flag(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// isHeader tells whether pieces of a kind come first.
func isHeader(kind byte) bool { return kind == pieceHeader || kind == piecePurged }

func decodeHeader(kind byte, body []byte) (header, error) {
	var h header
	d := decoder{data: body}
	if kind == piecePurged {
		h.purged = d.offset()
		anew := d.unsigned()
		d.failed = d.failed || anew > 1 || h.purged == 0
		h.anew = anew == 1
	}
	if d.failed || len(d.data) < len(h.topicID) {
		return h, sourceError("a header of %d bytes", len(body))
	}
	d.data = d.data[copy(h.topicID[:], d.data):]
	h.start, h.from, h.end, h.producersEnd = d.offset(), d.offset(), d.offset(), d.offset()
	h.epochs = d.epochs()
	if d.failed || len(d.data) > 0 || !h.sound() {
		return h, sourceError("the parts of the header do not fit together")
	}
	return h, nil
}

func (h *header) sound() bool {
	if h.start > h.end || h.from > h.end || h.producersEnd > h.end || !h.epochs.sound() {
		return false
	}
	return h.start == h.end || h.epochs.at(h.start) != protocol.NoLeaderEpoch
}

// epochAt returns the epoch that the history has for a batch; the log start may cut the first one.
func (h *header) epochAt(base protocol.Offset) protocol.LeaderEpoch {
	return h.epochs.at(max(base, h.start))
}

// have is what a replica tells of itself before somebody shares with it.
type have struct {
	topicID [16]byte
	end     protocol.Offset
	epoch   protocol.LeaderEpoch // of the last record, NoLeaderEpoch if that is not known
}

func (h *have) encode() []byte {
	data := append([]byte{haveVersion}, h.topicID[:]...)
	data = binary.AppendUvarint(data, uint64(h.end))
	data = binary.AppendUvarint(data, uint64(h.epoch+1))
	return closePiece(data)
}

func decodeHave(data []byte) (have, error) {
	h := have{epoch: protocol.NoLeaderEpoch}
	n := len(data) - 4
	if n < 1+len(h.topicID) || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(data[n:]) ||
		data[0] != haveVersion {
		return h, errors.New("what the replica has is told in no form that this version knows")
	}
	d := decoder{data: data[1:n]}
	d.data = d.data[copy(h.topicID[:], d.data):]
	h.end = d.offset()
	epoch := d.offset() - 1
	if d.failed || len(d.data) > 0 || epoch > 1<<31-1 {
		return h, errors.New("what the replica has does not fit together")
	}
	h.epoch = protocol.LeaderEpoch(epoch)
	return h, nil
}
