package protocol

import (
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// attacker encodes bodies that take as much memory as possible for their size: every array of the schema
// in turn is filled with the smallest elements there are, everything else is as small as it can be.
type attacker struct {
	version  int16
	flexible bool
	target   *field
	count    int
	tags     int // tagged fields of each element of the target
}

func (a *attacker) structure(to []byte, fields []field, tags int, ends bool) []byte {
	for i := range fields {
		if f := &fields[i]; a.version >= f.first && a.version <= f.last {
			to = a.field(to, f)
		}
	}
	if ends && a.flexible {
		to = binary.AppendUvarint(to, uint64(tags))
		for i := 0; i < tags; i++ {
			to = append(to, byte(100+i), 0) // number and no payload
		}
	}
	return to
}

func (a *attacker) field(to []byte, f *field) []byte {
	switch f.kind {
	case kindFixed:
		return append(to, make([]byte, f.width)...)
	case kindString:
		if a.flexible {
			return append(to, 1) // empty, not null: a nullable one takes a pointer
		}
		return append(to, 0, 0)
	case kindBytes:
		return a.length(to, 0)
	case kindObject:
		return a.structure(append(to, 1), f.fields, 0, true)
	}
	count, tags := 1, 0
	if f == a.target {
		count, tags = a.count, a.tags
	} else if !a.leadsToTarget(f) {
		count = 0
	}
	to = a.length(to, count)
	for ; count > 0; count-- {
		to = a.structure(to, f.fields, tags, f.structure)
	}
	return to
}

func (a *attacker) leadsToTarget(f *field) bool {
	for i := range f.fields {
		if one := &f.fields[i]; one == a.target || a.leadsToTarget(one) {
			return true
		}
	}
	return false
}

func (a *attacker) length(to []byte, n int) []byte {
	if a.flexible {
		return binary.AppendUvarint(to, uint64(n)+1)
	}
	return binary.BigEndian.AppendUint32(to, uint32(n))
}

// arraysOf returns every array in a list of fields, nested ones too.
func arraysOf(fields []field, version int16) []*field {
	var arrays []*field
	for i := range fields {
		f := &fields[i]
		if version < f.first || version > f.last {
			continue
		}
		if f.kind == kindArray {
			arrays = append(arrays, f)
		}
		arrays = append(arrays, arraysOf(f.fields, version)...)
	}
	return arrays
}

// The walker's estimate is what the connection's byte budget is charged with, so no request may take more
// memory than it says, give or take the rounding of the allocator. The worst factor per key is logged.
func TestNoRequestTakesMoreMemoryThanEstimated(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	const elements = 30_000
	worst := map[int16]float64{}
	eachVersion(func(key, version int16) {
		s := schemaOf(key)
		for _, target := range arraysOf(s.fields, version) {
			for _, tags := range []int{0, 1} {
				a := attacker{version: version, flexible: version >= s.flexibleFrom, target: target, count: elements}
				if tags > 0 && (!a.flexible || !target.structure) {
					continue
				}
				if tags > 0 {
					a.tags, a.count = tags, MaxTaggedFields
				}
				body := a.structure(nil, s.fields, 0, true)
				estimate, err := checkBody(key, version, body)
				if err != nil {
					t.Fatalf("%s %d: %v", kmsg.NameForKey(key), version, err)
				}
				taken := allocatedBy(key, version, body)
				if taken > estimate*5/4+4096 {
					t.Errorf("%s %d, %d tags: takes %d bytes, estimated %d, frame %d",
						kmsg.NameForKey(key), version, tags, taken, estimate, len(body))
				}
				if tags == 0 {
					worst[key] = max(worst[key], float64(taken)/float64(len(body)))
				}
			}
		}
	})
	for _, row := range Versions() {
		t.Logf("%-24s %5.1f bytes of memory per byte of frame at worst, at most %d MB",
			kmsg.NameForKey(row.Key), worst[row.Key], MaxDecodedBytes>>20)
	}
}

// allocatedBy returns the bytes that decoding a body allocates.
func allocatedBy(key, version int16, body []byte) int {
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := request.ReadFrom(body); err != nil {
		panic("BUG: got " + err.Error() + " for a body that the walker accepts")
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(request)
	return int(after.TotalAlloc - before.TotalAlloc)
}
