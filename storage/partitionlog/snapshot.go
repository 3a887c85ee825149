package partitionlog

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/chronik-go/chronik/protocol"
)

// A producer snapshot is Kafka's file of version 1, with an appendix that Kafka does not look at:
//
//	0  version                   int16   1
//	2  CRC-32C                   uint32  of everything from 6 to the end
//	6  number of producers       int32
//	   for each, by ascending id:
//	     producer id             int64
//	     epoch                   int16
//	     last sequence           int32   -1: none
//	     last offset             int64   -1: none
//	     offset delta            int32   last offset minus base offset of the last batch
//	     timestamp               int64
//	     coordinator epoch       int32
//	     txn first offset        int64   -1: no open transaction
//	   appendix version          uint8   1
//	   for each, in the same order:
//	     updated                 int64   offset of the last batch or marker
//	     number of batches       uint8   at most 5, the oldest first
//	     for each:
//	       last sequence         int32
//	       last offset           int64
//	       offset delta          int32
//	       timestamp             int64
//
// Kafka keeps the last batch only and so forgets the other four with every restart. With the appendix a
// restarted replica answers duplicates as before.
const (
	snapshotVersion         = 1
	snapshotHeaderSize      = 10
	snapshotEntrySize       = 46
	snapshotAppendixVersion = 1
	snapshotBatchSize       = 24

	// maxSnapshotBytes bounds what is read of a snapshot: over a million producers.
	maxSnapshotBytes = 256 << 20
)

var errSnapshot = errors.New("no producer snapshot of version 1")

// encodeSnapshot returns the content of a snapshot file.
func encodeSnapshot(t *Producers) []byte {
	producers := make([]*producer, 0, t.Len())
	t.each(func(p *producer) { producers = append(producers, p) })
	slices.SortFunc(producers, func(a, b *producer) int { return cmp.Compare(a.id, b.id) })

	data := make([]byte, 6, snapshotHeaderSize+len(producers)*(snapshotEntrySize+9+2*snapshotBatchSize)+1)
	binary.BigEndian.PutUint16(data, snapshotVersion)
	data = binary.BigEndian.AppendUint32(data, uint32(len(producers)))
	for _, p := range producers {
		data = appendSnapshotEntry(data, p)
	}
	data = append(data, snapshotAppendixVersion)
	for _, p := range producers {
		data = appendSnapshotBatches(data, p)
	}
	binary.BigEndian.PutUint32(data[2:], crc32.Checksum(data[6:], castagnoli))
	return data
}

func appendSnapshotEntry(data []byte, p *producer) []byte {
	lastOffset, delta := noOffset, protocol.Offset(0)
	if p.count > 0 {
		last := p.batches[p.count-1]
		lastOffset, delta = last.LastOffset, last.LastOffset-last.BaseOffset
	}
	data = binary.BigEndian.AppendUint64(data, uint64(p.id))
	data = binary.BigEndian.AppendUint16(data, uint16(p.epoch))
	data = binary.BigEndian.AppendUint32(data, uint32(p.lastSequence()))
	data = binary.BigEndian.AppendUint64(data, uint64(lastOffset))
	data = binary.BigEndian.AppendUint32(data, uint32(int32(delta)))
	data = binary.BigEndian.AppendUint64(data, uint64(p.lastTimestamp))
	data = binary.BigEndian.AppendUint32(data, uint32(p.coordinatorEpoch))
	return binary.BigEndian.AppendUint64(data, uint64(p.txnFirstOffset))
}

func appendSnapshotBatches(data []byte, p *producer) []byte {
	data = binary.BigEndian.AppendUint64(data, uint64(p.updated))
	data = append(data, byte(p.count))
	for _, m := range p.batches[:p.count] {
		data = binary.BigEndian.AppendUint32(data, uint32(m.LastSequence))
		data = binary.BigEndian.AppendUint64(data, uint64(m.LastOffset))
		data = binary.BigEndian.AppendUint32(data, uint32(int32(m.LastOffset-m.BaseOffset)))
		data = binary.BigEndian.AppendUint64(data, uint64(m.Timestamp))
	}
	return data
}

// parseSnapshot reads what encodeSnapshot or Kafka writes.
func parseSnapshot(data []byte, limit int) (*Producers, error) {
	if len(data) < snapshotHeaderSize || binary.BigEndian.Uint16(data) != snapshotVersion {
		return nil, errSnapshot
	}
	if crc := crc32.Checksum(data[6:], castagnoli); crc != binary.BigEndian.Uint32(data[2:]) {
		return nil, fmt.Errorf("%w: got CRC %08x", errSnapshot, crc)
	}
	count := int(binary.BigEndian.Uint32(data[6:]))
	data = data[snapshotHeaderSize:]
	if count > len(data)/snapshotEntrySize {
		return nil, fmt.Errorf("%w: %d producers in %d bytes", errSnapshot, count, len(data))
	}
	producers := make([]producer, count)
	for i := range producers {
		producers[i] = parseSnapshotEntry(data)
		data = data[snapshotEntrySize:]
	}
	if err := parseSnapshotAppendix(data, producers); err != nil {
		return nil, err
	}
	t := NewProducers(limit)
	for i := range producers {
		if t.find(producers[i].id) != nil {
			return nil, fmt.Errorf("%w: producer %d is there twice", errSnapshot, producers[i].id)
		}
		t.own(producers[i].id)
		t.insert(producers[i])
	}
	return t, nil
}

func parseSnapshotEntry(data []byte) producer {
	p := producer{
		id:               int64(binary.BigEndian.Uint64(data)),
		epoch:            int16(binary.BigEndian.Uint16(data[8:])),
		lastTimestamp:    int64(binary.BigEndian.Uint64(data[26:])),
		coordinatorEpoch: int32(binary.BigEndian.Uint32(data[34:])),
		txnFirstOffset:   protocol.Offset(binary.BigEndian.Uint64(data[38:])),
		updated:          noOffset,
	}
	last := protocol.Offset(binary.BigEndian.Uint64(data[14:]))
	if last >= 0 {
		p.updated = last
		p.remember(BatchMeta{
			BaseOffset:   last - protocol.Offset(int32(binary.BigEndian.Uint32(data[22:]))),
			LastOffset:   last,
			LastSequence: int32(binary.BigEndian.Uint32(data[10:])),
			Timestamp:    p.lastTimestamp,
		})
	}
	return p
}

// parseSnapshotAppendix fills in the older batches. A file of Kafka's own has no appendix.
func parseSnapshotAppendix(data []byte, producers []producer) error {
	if len(data) == 0 {
		return nil
	}
	if data[0] != snapshotAppendixVersion {
		return fmt.Errorf("%w: appendix of version %d", errSnapshot, data[0])
	}
	data = data[1:]
	for i := range producers {
		p := &producers[i]
		if len(data) < 9 {
			return fmt.Errorf("%w: the appendix is cut off", errSnapshot)
		}
		p.updated = protocol.Offset(binary.BigEndian.Uint64(data))
		count := int(data[8])
		data = data[9:]
		if count > batchesPerProducer || len(data) < count*snapshotBatchSize {
			return fmt.Errorf("%w: %d batches of one producer", errSnapshot, count)
		}
		p.count = 0
		for ; count > 0; count-- {
			p.remember(parseSnapshotBatch(data))
			data = data[snapshotBatchSize:]
		}
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: %d bytes too many", errSnapshot, len(data))
	}
	return nil
}

func parseSnapshotBatch(data []byte) BatchMeta {
	last := protocol.Offset(binary.BigEndian.Uint64(data[4:]))
	return BatchMeta{
		BaseOffset:   last - protocol.Offset(int32(binary.BigEndian.Uint32(data[12:]))),
		LastOffset:   last,
		LastSequence: int32(binary.BigEndian.Uint32(data)),
		Timestamp:    int64(binary.BigEndian.Uint64(data[16:])),
	}
}
