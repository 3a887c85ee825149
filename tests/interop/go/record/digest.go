package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// Digest collects the records of one topic, each partition in its own order.
type Digest struct {
	fold   bool
	counts [Partitions]int64
	hashes [Partitions]hash.Hash
	buffer []byte
	err    error
}

// NewDigest returns the digest of no records. With fold, empty counts as null: for clients whose consumer
// does not tell the two apart.
func NewDigest(fold bool) *Digest {
	d := &Digest{fold: fold}
	for p := range d.hashes {
		d.hashes[p] = sha256.New()
	}
	return d
}

// Expect returns the digest of records from to from+count-1 as a correct broker keeps them.
func Expect(from, count uint32, fold bool) *Digest { return expect(Make, from, count, fold) }

// ExpectLines is Expect for the records that Line makes.
func ExpectLines(from, count uint32) *Digest { return expect(Line, from, count, false) }

func expect(make func(uint32) Record, from, count uint32, fold bool) *Digest {
	d := NewDigest(fold)
	for i := from; i < from+count; i++ {
		d.add(make(i))
	}
	return d
}

// Add takes the next record of a partition as it was read, at an offset that must be the next one.
func (d *Digest) Add(r Record, offset int64) {
	if r.Partition < 0 || r.Partition >= Partitions {
		d.fail("partition %d does not exist", r.Partition)
		return
	}
	if want := d.counts[r.Partition]; offset != want {
		d.fail("partition %d: got offset %d, want %d", r.Partition, offset, want)
	}
	d.add(r)
}

func (d *Digest) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *Digest) add(r Record) {
	d.counts[r.Partition]++
	if d.fold {
		r = folded(r)
	}
	d.buffer = Append(d.buffer[:0], r)
	d.hashes[r.Partition].Write(d.buffer)
}

func folded(r Record) Record {
	r.Key, r.Value, r.Headers = nullIfEmpty(r.Key), nullIfEmpty(r.Value), slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = nullIfEmpty(r.Headers[i].Value)
	}
	return r
}

func nullIfEmpty(bytes []byte) []byte {
	if len(bytes) == 0 {
		return nil
	}
	return bytes
}

// Append writes the canonical form of a record.
func Append(b []byte, r Record) []byte {
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Timestamp))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Headers)))
	sorted := slices.Clone(r.Headers)
	slices.SortStableFunc(sorted, func(x, y Header) int { return strings.Compare(x.Name, y.Name) })
	for _, header := range sorted {
		b = appendBytes(b, []byte(header.Name))
		b = appendBytes(b, header.Value)
	}
	return b
}

func appendBytes(b, bytes []byte) []byte {
	if bytes == nil {
		return binary.BigEndian.AppendUint32(b, 0xffffffff)
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(bytes))), bytes...)
}

// Total is the number of records taken.
func (d *Digest) Total() int64 {
	total := int64(0)
	for _, count := range d.counts {
		total += count
	}
	return total
}

// Count is the number of records of one partition.
func (d *Digest) Count(partition int32) int64 { return d.counts[partition] }

// Lines returns "<partition> <count> <hexadecimal digest>" for each partition.
func (d *Digest) Lines() []string {
	lines := make([]string, Partitions)
	for p := range lines {
		lines[p] = fmt.Sprintf("%d %d %s", p, d.counts[p], hex.EncodeToString(d.hashes[p].Sum(nil)))
	}
	return lines
}

// Compare returns what is wrong with d where want is right.
func (d *Digest) Compare(want *Digest) error {
	if d.err != nil {
		return d.err
	}
	got, expected := d.Lines(), want.Lines()
	for p := range got {
		if got[p] != expected[p] {
			return fmt.Errorf("partition, count, digest: got %s, want %s", got[p], expected[p])
		}
	}
	return nil
}
