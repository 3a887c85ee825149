package partitionlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/chronik-go/chronik/protocol"
)

// The manifest (file chronik-segments) says of every closed segment what else a scan would have to find out,
// and holds the checksums that Kafka's index files lack. It is written by flushes after a segment was
// closed. Losing it costs scans and nothing else; an entry is valid whatever checkpoint the log goes back
// to, because a segment that was closed at a checkpoint never changes after it.
//
//	version              uint8    1 or 2
//	number of segments   varint
//	  base               varint   difference from the base before
//	  length in records  varint   end offset minus base
//	  size               varint   bytes of the .log
//	  max timestamp      zigzag varint   -1: none
//	  max offset - base  varint
//	  offset entries     varint, CRC uint32
//	  time entries       varint, CRC uint32
//	  aborted entries    varint, CRC uint32   version 2 only; in version 1 there are none
//	CRC-32C              uint32   of everything before
//
// Version 2 is written only if a segment has aborted transactions.
const (
	manifestVersion             = 1
	manifestVersionTransactions = 2
)

// maxManifestBytes bounds what is read of a manifest: over a million segments.
const maxManifestBytes = 64 << 20

// manifestEntry is a closed segment.
type manifestEntry struct {
	base, end protocol.Offset
	sealedInfo
}

var errManifest = errors.New("no segment manifest of a version that is known")

// sound tells whether the parts of an entry agree with each other.
func (e *manifestEntry) sound() bool {
	if e.mark.abortedEntries == 0 && e.mark.abortedCRC != 0 {
		return false
	}
	return e.end > e.base && e.maxOffset >= e.base && e.maxOffset < e.end && e.size <= maxSegmentBytes
}

func encodeManifest(entries []manifestEntry) []byte {
	version := byte(manifestVersion)
	for i := range entries {
		if entries[i].mark.abortedEntries > 0 {
			version = manifestVersionTransactions
		}
	}
	data := append(make([]byte, 0, 8+48*len(entries)), version)
	data = binary.AppendUvarint(data, uint64(len(entries)))
	before := protocol.Offset(0)
	for _, e := range entries {
		data = binary.AppendUvarint(data, uint64(e.base-before))
		data = binary.AppendUvarint(data, uint64(e.end-e.base))
		data = binary.AppendUvarint(data, uint64(e.size))
		data = binary.AppendVarint(data, e.maxTimestamp)
		data = binary.AppendUvarint(data, uint64(e.maxOffset-e.base))
		data = binary.AppendUvarint(data, uint64(e.mark.offsetEntries))
		data = binary.BigEndian.AppendUint32(data, e.mark.offsetCRC)
		data = binary.AppendUvarint(data, uint64(e.mark.timeEntries))
		data = binary.BigEndian.AppendUint32(data, e.mark.timeCRC)
		if version == manifestVersionTransactions {
			data = binary.AppendUvarint(data, uint64(e.mark.abortedEntries))
			data = binary.BigEndian.AppendUint32(data, e.mark.abortedCRC)
		}
		before = e.base
	}
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// minManifestEntry is the least number of bytes of an entry.
const minManifestEntry = 15

func parseManifest(data []byte) ([]manifestEntry, error) {
	n := len(data) - 4
	if n < 1 || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(data[n:]) ||
		data[0] != manifestVersion && data[0] != manifestVersionTransactions {
		return nil, errManifest
	}
	d := decoder{data: data[1:n]}
	count := d.unsigned()
	if count > uint64(len(d.data)/minManifestEntry) {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errManifest, count, len(d.data))
	}
	entries := make([]manifestEntry, 0, count)
	end := protocol.Offset(0)
	base := protocol.Offset(0)
	for ; count > 0; count-- {
		base += d.offset()
		e := manifestEntry{base: base, end: base + d.offset()}
		e.size = int64(d.offset())
		e.maxTimestamp = d.signed()
		e.maxOffset = base + d.offset()
		e.mark.offsetEntries, e.mark.offsetCRC = d.count(), d.uint32()
		e.mark.timeEntries, e.mark.timeCRC = d.count(), d.uint32()
		if data[0] == manifestVersionTransactions {
			e.mark.abortedEntries, e.mark.abortedCRC = d.count(), d.uint32()
		}
		e.known = true
		if d.failed || e.base < end || !e.sound() {
			return nil, errManifest
		}
		end = e.end
		entries = append(entries, e)
	}
	if len(d.data) > 0 {
		return nil, errManifest
	}
	return entries, nil
}
