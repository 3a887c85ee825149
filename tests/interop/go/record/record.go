package record

import (
	"strconv"
)

// Partitions is how many partitions every topic of the runs has.
const Partitions = 6

// Header is a record header. A nil value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is one record. A nil key or value is null; an empty one is not nil.
type Record struct {
	Partition int32
	Key       []byte
	Value     []byte
	Headers   []Header
	Timestamp int64 // milliseconds
}

func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	x ^= x >> 16
	return x
}

func field(i, k uint32) uint32 { return mix(i*0x9e3779b1 + k*0x85ebca6b + 0x27d4eb2f) }

const (
	unitBytes = 1 << 16
	poolBytes = 1 << 20
)

// The pools that keys and values are cut from.
var (
	noise = pool(func(j uint32) byte { return byte(mix(j + 0x5bd1e995)) })
	text  = pool(func(j uint32) byte { return byte(97 + mix(j/8+0x1b873593)%26) })
)

func pool(at func(j uint32) byte) []byte {
	bytes := make([]byte, 0, poolBytes)
	for j := range uint32(unitBytes) {
		bytes = append(bytes, at(j))
	}
	for len(bytes) < poolBytes {
		bytes = append(bytes, bytes[:unitBytes]...)
	}
	return bytes
}

// Make returns record i. Its bytes alias the pools and must not be changed.
func Make(i uint32) Record {
	return Record{
		Partition: int32(field(i, 14) % Partitions),
		Key:       key(i),
		Value:     value(i),
		Headers:   headers(i),
		Timestamp: 1_700_000_000_000 + 17*int64(i) - int64(field(i, 13)%1000),
	}
}

func value(i uint32) []byte {
	size := valueSize(i)
	if size < 0 {
		return nil
	}
	from := field(i, 2) % unitBytes
	source := noise
	if field(i, 15)%2 == 1 {
		source = text
	}
	return source[from : from+uint32(size)]
}

// valueSize returns -1 for null.
func valueSize(i uint32) int32 {
	class, detail := field(i, 1)%1000, field(i, 3)
	switch {
	case i%100_000 == 77_777:
		return 900_000
	case i%5000 == 4999:
		return int32(100_000 + detail%800_001)
	case class < 30:
		return -1
	case class < 80:
		return 0
	case class < 800:
		return int32(1 + detail%256)
	case class < 970:
		return int32(257 + detail%2048)
	case class < 998:
		return int32(2048 + detail%8192)
	}
	return int32(16_384 + detail%65_536)
}

func key(i uint32) []byte {
	class, detail := field(i, 4)%100, field(i, 5)
	switch {
	case class < 10:
		return nil
	case class < 15:
		return []byte{}
	case class < 30:
		from := detail % unitBytes
		return noise[from : from+1+detail%32]
	}
	return []byte("key-" + strconv.Itoa(int(detail%10_000)))
}

func headers(i uint32) []Header {
	class := field(i, 6) % 10
	if class < 7 {
		return nil
	}
	made := make([]Header, 0, 3)
	for j := range class - 6 {
		header := Header{Name: [...]string{"h0", "h1", "h0"}[j]}
		switch field(i, 7+j) % 5 {
		case 0:
		case 1:
			header.Value = []byte{}
		default:
			header.Value = strconv.AppendUint(nil, uint64(field(i, 10+j)), 16)
		}
		made = append(made, header)
	}
	return made
}
