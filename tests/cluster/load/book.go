package load

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// identity names a record: the seq-th one that a producer sent to a partition.
type identity struct {
	producer uint32
	seq      int64
}

const identityBytes = 12

// value returns the bytes of a record of the given size, which follow from its identity and partition.
func value(id identity, partition int32, size int) []byte {
	random := rand.New(rand.NewPCG(uint64(id.producer)<<32|uint64(partition), uint64(id.seq)))
	b := make([]byte, identityBytes, max(size, identityBytes)+8)
	binary.BigEndian.PutUint32(b, id.producer)
	binary.BigEndian.PutUint64(b[4:], uint64(id.seq))
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, random.Uint64())
	}
	return b[:max(size, identityBytes)]
}

// parse returns the identity that a value names, if its bytes are what value makes.
func parse(b []byte, partition int32) (identity, error) {
	if len(b) < identityBytes {
		return identity{}, fmt.Errorf("a record of %d bytes", len(b))
	}
	id := identity{binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint64(b[4:]))}
	if string(value(id, partition, len(b))) != string(b) {
		return id, fmt.Errorf("record %+v has other bytes than were sent", id)
	}
	return id, nil
}

// ack is an acknowledged record. Times count from the start of the load.
type ack struct {
	partition int32
	bytes     int32
	due       time.Duration // when it was to be sent
	at        time.Duration // when its acknowledgement came
}

// book is what was acknowledged and what went wrong.
type book struct {
	mu     sync.Mutex
	acked  []map[int64]identity // by partition and offset
	acks   []ack                // in the order of their coming
	errors []error
}

func newBook(partitions int32) *book {
	b := &book{acked: make([]map[int64]identity, partitions)}
	for p := range b.acked {
		b.acked[p] = make(map[int64]identity)
	}
	return b
}

// ack notes an acknowledgement. Two records of one offset cannot both be right.
func (b *book) ack(offset int64, id identity, a ack) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other, taken := b.acked[a.partition][offset]; taken {
		b.errors = append(b.errors, fmt.Errorf("offset %d of partition %d was acknowledged for %+v and %+v",
			offset, a.partition, other, id))
	}
	b.acked[a.partition][offset] = id
	b.acks = append(b.acks, a)
}

func (b *book) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errors = append(b.errors, err)
}

func (b *book) failures() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.errors[:len(b.errors):len(b.errors)]
}

// all returns the acknowledgements so far.
func (b *book) all() []ack {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acks[:len(b.acks):len(b.acks)]
}
