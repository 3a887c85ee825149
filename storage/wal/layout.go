package wal

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	fileMagic   = "CHRONWAL"
	fileVersion = 2
	frameMagic  = 0x31465743 // "CWF1"

	fileHeaderSize   = 64
	frameHeaderSize  = 64
	recordHeaderSize = 40

	// alignment of frames. Sectors are the unit that disks write atomically: a new frame never shares the
	// sector of the frame before, and a search for frames needs to look at multiples of it only.
	alignment = 512
	// pageSize is what the kernel reads when less than a page of an uncached file is written. Writes are
	// filled up with zeros to the end of the page, so that it never has to.
	pageSize = 4096

	headPosition = alignment
	flagHead     = 1
)

const (
	kindEntry      = 1
	kindHardState  = 2
	kindConfState  = 3
	kindCheckpoint = 4
	kindRemove     = 5
	kindLiveFile   = 6
	kindState      = 7
	kindReference  = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var little = binary.LittleEndian

func alignUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

type fileHeader struct {
	version               uint32
	sequence, incarnation uint64
}

func (h fileHeader) encode() [fileHeaderSize]byte {
	var b [fileHeaderSize]byte
	copy(b[:], fileMagic)
	little.PutUint32(b[8:], h.version)
	little.PutUint64(b[16:], h.sequence)
	little.PutUint64(b[24:], h.incarnation)
	little.PutUint32(b[12:], fileHeaderCRC(b[:]))
	return b
}

func fileHeaderCRC(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, b[16:fileHeaderSize])
}

// decodeFileHeader tells whether b starts with a header of any version: the first 16 bytes and the checksum
// will stay what they are.
func decodeFileHeader(b []byte) (fileHeader, bool) {
	if len(b) < fileHeaderSize || string(b[:8]) != fileMagic || little.Uint32(b[12:]) != fileHeaderCRC(b) {
		return fileHeader{}, false
	}
	return fileHeader{little.Uint32(b[8:]), little.Uint64(b[16:]), little.Uint64(b[24:])}, true
}

type frameHeader struct {
	incarnation, sequence uint64
	durable               uint64 // the last frame known to be durable when this one was written
	length                uint64 // bytes of records
	records, flags        uint32
}

func (h frameHeader) encode(b []byte) {
	clear(b[:frameHeaderSize])
	little.PutUint32(b, frameMagic)
	little.PutUint64(b[8:], h.incarnation)
	little.PutUint64(b[16:], h.sequence)
	little.PutUint64(b[24:], h.durable)
	little.PutUint64(b[32:], h.length)
	little.PutUint32(b[40:], h.records)
	little.PutUint32(b[44:], h.flags)
	little.PutUint32(b[4:], crc32.Checksum(b[8:frameHeaderSize], castagnoli))
}

func decodeFrameHeader(b []byte) (frameHeader, bool) {
	if len(b) < frameHeaderSize || little.Uint32(b) != frameMagic ||
		little.Uint32(b[4:]) != crc32.Checksum(b[8:frameHeaderSize], castagnoli) {
		return frameHeader{}, false
	}
	return frameHeader{
		incarnation: little.Uint64(b[8:]),
		sequence:    little.Uint64(b[16:]),
		durable:     little.Uint64(b[24:]),
		length:      little.Uint64(b[32:]),
		records:     little.Uint32(b[40:]),
		flags:       little.Uint32(b[44:]),
	}, true
}

// end returns where the frame at position ends; the next one starts at the following multiple of alignment.
func (h frameHeader) end(position int64) int64 { return position + frameHeaderSize + int64(h.length) }

type recordHeader struct {
	length      uint32
	kind, typ   uint8
	frame       uint32 // low half of the frame's sequence
	group       GroupID
	term, index uint64
}

// encode writes the header into b with the checksum of header and payload. seed comes from seedOf, known is
// what was summed of the payload before.
func (h recordHeader) encode(b []byte, seed uint32, payload []byte, known Sum) {
	little.PutUint32(b[4:], h.length)
	b[8], b[9], b[10], b[11] = h.kind, h.typ, 0, 0
	little.PutUint32(b[12:], h.frame)
	little.PutUint64(b[16:], uint64(h.group))
	little.PutUint64(b[24:], h.term)
	little.PutUint64(b[32:], h.index)
	little.PutUint32(b, derivedCRC(seed, b, payload, known))
}

// seedOf returns what the checksums of all records of an incarnation start from.
func seedOf(incarnation uint64) uint32 {
	return crc32.Checksum(little.AppendUint64(nil, incarnation), castagnoli)
}

// decodeRecord reads the record at the start of b and checks it. The payload is a part of b.
func decodeRecord(b []byte, seed uint32) (recordHeader, []byte, bool) {
	h, payload, ok := parseRecord(b)
	return h, payload, ok && little.Uint32(b) == recordCRC(seed, b, payload)
}

// parseRecord is decodeRecord for a record that has been checked.
func parseRecord(b []byte) (h recordHeader, payload []byte, ok bool) {
	if len(b) < recordHeaderSize {
		return h, nil, false
	}
	h = recordHeader{
		length: little.Uint32(b[4:]),
		kind:   b[8],
		typ:    b[9],
		frame:  little.Uint32(b[12:]),
		group:  GroupID(little.Uint64(b[16:])),
		term:   little.Uint64(b[24:]),
		index:  little.Uint64(b[32:]),
	}
	if int64(h.length) > int64(len(b)-recordHeaderSize) {
		return h, nil, false
	}
	return h, b[recordHeaderSize : recordHeaderSize+int(h.length)], true
}
