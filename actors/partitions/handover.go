package partitions

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/chronik-go/chronik/storage/wal"
)

// handover is what one node asks another: to hand the leadership of a group to a replica. Its layout is drawn
// in the package comment.
type handover struct {
	group wal.GroupID
	to    uint64
}

const (
	callVersion  = 1
	callHandover = 1
)

var errCall = errors.New("call about leaders cannot be read: it is of a newer version")

func (h handover) encode() []byte {
	b := []byte{callVersion, callHandover}
	b = binary.AppendUvarint(b, uint64(h.group))
	return binary.AppendUvarint(b, h.to)
}

func decodeHandover(data []byte) (handover, error) {
	if len(data) < 2 || data[0] != callVersion || data[1] != callHandover {
		return handover{}, errCall
	}
	d := decoder{rest: data[2:]}
	h := handover{group: wal.GroupID(d.number(math.MaxUint64)), to: d.number(math.MaxUint64)}
	if d.failed || len(d.rest) > 0 {
		return handover{}, errCall
	}
	return h, nil
}
