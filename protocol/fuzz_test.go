package protocol

import (
	"bytes"
	"math/rand"
	"runtime"
	"testing"
)

// FuzzParseRequest feeds frames to the parser: it must not panic, must not take more memory than it
// accounts for, and what it accepts must encode to bytes that parse to the same request again.
func FuzzParseRequest(f *testing.F) {
	r := rand.New(rand.NewSource(1))
	eachVersion(func(key, version int16) {
		f.Add(frameOf(randomRequest(r, key, version), 1, "fuzz"))
	})
	f.Add([]byte{0, 18, 0, 99, 0, 0, 0, 42, 0, 1, 'c', 0})
	f.Add([]byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0, 1, 0, 15, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		request, err := ParseRequest(bytes.Clone(frame))
		runtime.ReadMemStats(&after)
		taken, allowed := int(after.TotalAlloc-before.TotalAlloc), 2*len(frame)+64<<10
		if err == nil {
			allowed += 2 * request.Size
		}
		if measured && taken > allowed {
			t.Fatalf("took %d bytes for a frame of %d, %v", taken, len(frame), err)
		}
		if err != nil {
			return
		}
		once := frameOf(request.Body, request.CorrelationID, request.ClientID)
		again, err := ParseRequest(bytes.Clone(once))
		if err != nil {
			t.Fatalf("accepted, encoded and refused: %v\n% x", err, once)
		}
		if twice := frameOf(again.Body, again.CorrelationID, again.ClientID); !bytes.Equal(once, twice) {
			t.Fatalf("got\n% x, want\n% x", twice, once)
		}
	})
}

// FuzzFrameSize checks the four bytes in front of everything.
func FuzzFrameSize(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1}, 100)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 100)
	f.Fuzz(func(t *testing.T, prefix []byte, limit int) {
		if len(prefix) != 4 {
			return
		}
		size, err := FrameSize([4]byte(prefix), limit)
		if err == nil && (size <= 0 || size > limit) {
			t.Fatalf("got %d with limit %d", size, limit)
		}
	})
}
