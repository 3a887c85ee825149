package batch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
)

// Java clients frame snappy data as the xerial library does; other clients send one raw block:
//
//	| 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version int32 | compatible int32 | { length int32 | raw block } ... |
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

// maxSnappyRatio is more than what snappy can reach: a copy of three bytes stands for 64. A block that
// claims more is refused before its memory is taken.
const maxSnappyRatio = 24

var errSnappy = errors.New("the snappy block is broken")

// snappyDecoder decodes block by block.
type snappyDecoder struct {
	rest   []byte // blocks to come
	framed bool
	block  []byte // what is left of the decoded block
	room   []byte
}

var snappies = sync.Pool{New: func() any { return new(snappyDecoder) }}

func openSnappy(data []byte) decoder {
	d := snappies.Get().(*snappyDecoder)
	d.rest, d.framed, d.block = data, false, nil
	if len(data) >= xerialHeader && bytes.HasPrefix(data, xerialMagic) {
		d.rest, d.framed = data[xerialHeader:], true
	}
	return d
}

// Read implements io.Reader.
func (d *snappyDecoder) Read(to []byte) (int, error) {
	for len(d.block) == 0 {
		if len(d.rest) == 0 {
			return 0, io.EOF
		}
		if err := d.decode(); err != nil {
			return 0, err
		}
	}
	n := copy(to, d.block)
	d.block = d.block[n:]
	return n, nil
}

func (d *snappyDecoder) release() {
	d.rest, d.block = nil, nil
	if cap(d.room) <= largestPooled { // the room for one large block is left to the collector
		snappies.Put(d)
	}
}

// decode decodes the next block.
func (d *snappyDecoder) decode() error {
	block := d.rest
	d.rest = nil
	if d.framed {
		if len(block) < 4 {
			return errSnappy
		}
		length := int(int32(binary.BigEndian.Uint32(block)))
		if length <= 0 || length > len(block)-4 {
			return errSnappy
		}
		block, d.rest = block[4:4+length], block[4+length:]
	}
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return err
	}
	if size > maxSnappyRatio*len(block) || size > MaxDecompressedBytes {
		return errSnappy
	}
	if d.block, err = snappy.Decode(d.room, block); err != nil {
		return err
	}
	d.room = d.block[:cap(d.block)]
	return nil
}
