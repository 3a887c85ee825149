package wal

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

// TestAJoinedSumIsThatOfTheBytes compares joinCRC with what reading all of the bytes gives: at random places,
// at lengths around the powers of two, which are single factors, and from any start.
func TestAJoinedSumIsThatOfTheBytes(t *testing.T) {
	seed := rand.Uint64()
	if one := flag.Lookup("seed"); one.Value.String() != one.DefValue {
		seed = one.Value.(flag.Getter).Get().(uint64)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	data := make([]byte, 5<<20)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	check := func(start uint32, from, middle, to int) {
		t.Helper()
		first := crc32.Update(start, castagnoli, data[from:middle])
		got := joinCRC(first, crc32.Checksum(data[middle:to], castagnoli), uint32(to-middle))
		if want := crc32.Update(start, castagnoli, data[from:to]); got != want {
			t.Fatalf("seed %d: got %08x for %d and %d bytes from %08x on, want %08x", seed, got, middle-from,
				to-middle, start, want)
		}
	}
	for length := 1; length <= 4<<20; length *= 2 {
		for _, n := range []int{length - 1, length, length + 1} {
			check(rng.Uint32(), 7, 28, 28+n)
			check(0, 28, 28, 28+n)
		}
	}
	for range 300 {
		from := rng.IntN(1 << 20)
		middle := from + rng.IntN(1<<20)
		check(rng.Uint32(), from, middle, middle+rng.IntN(2<<20))
	}
}

// FuzzDerivedSums puts a payload together from a short piece, repeated, and compares the record that the log
// writes with a part of it known beforehand with the one that it writes without.
func FuzzDerivedSums(f *testing.F) {
	f.Add([]byte("batch"), uint32(1), uint32(0), uint32(3000))
	f.Add([]byte{0}, uint32(0), uint32(21), uint32(1<<16))
	f.Add([]byte{0xff, 0}, uint32(1<<31), uint32(deriveFrom), uint32(deriveFrom))
	f.Fuzz(func(t *testing.T, piece []byte, seed, after, times uint32) {
		if len(piece) == 0 {
			return
		}
		payload := bytes.Repeat(piece, 1+int(times%(1<<18))/len(piece))
		rest := payload[int(after)%len(payload):]
		known := Sum{Bytes: uint32(len(rest)), CRC: crc32.Checksum(rest, castagnoli)}
		h := recordHeader{length: uint32(len(payload)), kind: kindEntry, frame: after, group: 3, term: 2, index: 1}
		var plain, derived [recordHeaderSize]byte
		h.encode(plain[:], seed, payload, Sum{})
		h.encode(derived[:], seed, payload, known)
		if plain != derived {
			t.Fatalf("got header %x with the sum of the last %d of %d bytes known, want %x", derived, len(rest),
				len(payload), plain)
		}
		if _, _, ok := decodeRecord(append(derived[:], payload...), seed); !ok {
			t.Fatal("the record does not pass its own check")
		}
	})
}

// TestASumOfOtherBytesIsFoundOut: what was derived is still a check of the bytes that are written.
func TestASumOfOtherBytesIsFoundOut(t *testing.T) {
	data := bytes.Repeat([]byte("record "), deriveFrom)
	sum := Sum{Bytes: uint32(len(data)), CRC: crc32.Checksum(data, castagnoli)}
	data[len(data)/2] ^= 1
	var header [recordHeaderSize]byte
	h := recordHeader{length: uint32(len(data)), kind: kindEntry}
	defer func() {
		if reason := recover(); (reason != nil) != compareSums {
			t.Fatalf("got panic %v, want one exactly where sums are compared (%t)", reason, compareSums)
		}
	}()
	h.encode(header[:], 1, data, sum)
	if _, _, ok := decodeRecord(append(header[:], data...), 1); ok {
		t.Fatal("a record passes whose sum is that of other bytes")
	}
}

func TestASumOfMoreThanTheEntryIsRefused(t *testing.T) {
	w, err := Open(vfs.NewMem(), "/wal", fuzzOptions())
	if err != nil {
		t.Fatal(err)
	}
	entry := Entry{Term: 1, Index: 1, Data: []byte("short"), Sum: Sum{Bytes: 6}}
	err = w.Append([]Update{{Group: 1, Entries: []Entry{entry}}})
	if _, ok := errors.AsType[*UpdateError](err); !ok {
		t.Fatalf("got %v, want an UpdateError", err)
	}
}

// BenchmarkChecksum compares reading the bytes with deriving the sum of a record whose last bytes are known.
func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 1_000_033} {
		payload := make([]byte, size)
		known := Sum{Bytes: uint32(size - 21), CRC: crc32.Checksum(payload[21:], castagnoli)}
		var header [recordHeaderSize]byte
		b.Run(fmt.Sprintf("read-%d", size), func(b *testing.B) {
			for b.Loop() {
				recordCRC(1, header[:], payload)
			}
		})
		b.Run(fmt.Sprintf("join-%d", size), func(b *testing.B) {
			for b.Loop() {
				joinCRC(recordCRC(1, header[:], payload[:21]), known.CRC, known.Bytes)
			}
		})
	}
}
