package wal

import (
	"fmt"
	"hash/crc32"
)

// Sum is the CRC-32C of the last Bytes bytes of an entry's Data, as this process has computed or checked it
// over these very bytes. The log then reads only what comes before them, and derives the checksum of the
// record. The zero value says that nothing is known.
//
// A Sum that is not true would be found out by whoever reads the entry back, after a crash, when it is too
// late: nobody passes on what came from elsewhere and was not checked. Under the race detector each one is
// compared with the bytes.
type Sum struct {
	Bytes uint32
	CRC   uint32
}

// deriveFrom is the length from which on it takes less time to derive a checksum than to read the bytes.
const deriveFrom = 4 << 10

// recordCRC returns the checksum of a record: of its header behind the checksum's own place, and of its
// payload, starting from the seed of the file.
func recordCRC(seed uint32, header, payload []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, header[4:recordHeaderSize]), castagnoli, payload)
}

// derivedCRC is recordCRC for a payload whose end was summed before.
func derivedCRC(seed uint32, header, payload []byte, known Sum) uint32 {
	if known.Bytes < deriveFrom {
		return recordCRC(seed, header, payload)
	}
	before := recordCRC(seed, header, payload[:len(payload)-int(known.Bytes)])
	crc := joinCRC(before, known.CRC, known.Bytes)
	if compareSums {
		if want := recordCRC(seed, header, payload); crc != want {
			panic(fmt.Sprintf("BUG: got sum %08x of the last %d of %d bytes, which makes it %08x, want %08x",
				known.CRC, known.Bytes, len(payload), crc, want))
		}
	}
	return crc
}

// joinCRC returns the CRC-32C of two runs of bytes, one behind the other, from that of each and the length of
// the second.
//
// A CRC is the remainder of a polynomial over the bits. To put n bytes behind others multiplies what those
// amount to by x^8n and adds the new ones. That CRC-32C begins and ends with a register of ones cancels out
// between the two.
func joinCRC(first, second, length uint32) uint32 {
	for k := 0; length > 0; k++ {
		if length&1 != 0 {
			first = times(first, powers[k])
		}
		length >>= 1
	}
	return first ^ second
}

// powers[k] is x to the power of 8 * 2^k, modulo the polynomial of CRC-32C.
var powers = func() (p [32]uint32) {
	p[0] = 1 << (31 - 8)
	for k := 1; k < len(p); k++ {
		p[k] = times(p[k-1], p[k-1])
	}
	return p
}()

// times multiplies two polynomials modulo that of CRC-32C. As in the checksums, the highest bit stands for
// x^0.
func times(a, b uint32) uint32 {
	product := uint32(0)
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}
