package hostile

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/tests/node"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random bytes; 0: a new one")

func newRandom(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// hit sends bytes on a fresh connection and says how the broker took them.
func (v *victim) hit(data []byte, wait time.Duration) (end, []byte) {
	s := v.dial()
	defer s.Close()
	_, _ = s.Write(data) // the broker may have closed before all was written
	return s.listen(wait)
}

func TestNonsenseClosesOnlyItsConnection(t *testing.T) {
	v := startVictim(t)
	client := startSteady(t, v.address)
	random := newRandom(t)
	for name, greeting := range greetings {
		if outcome, reply := v.hit(greeting, patience); outcome != closed {
			t.Errorf("%s: got outcome %d and %x, want a closed connection", name, outcome, reply)
		}
	}
	for range 200 {
		if outcome, reply := v.hit(noise(random), 20*time.Millisecond); outcome == replied {
			t.Errorf("noise was answered with %x", reply)
		}
	}
	client.check()
	v.quiet(8)
}

// sample returns every so many-th of a list.
func sample[T any](list []T, count int) []T {
	var some []T
	for i := 0; i < len(list); i += 1 + len(list)/count {
		some = append(some, list[i])
	}
	return some
}

// TestLiesAboutCountsOfEveryAPI changes every place of every request that is served.
func TestLiesAboutCountsOfEveryAPI(t *testing.T) {
	v := startVictim(t)
	client := startSteady(t, v.address)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	outcomes, s := map[end]int{}, v.dial()
	format := &socket{}
	for _, api := range protocol.Versions() {
		for _, version := range []int16{api.Min, (api.Min + api.Max) / 2, api.Max} {
			list := lies(format.request(filled(api.Key, version)))
			if node.Race || testing.Short() {
				list = sample(list, 40)
			}
			for _, lie := range list {
				outcome := s.endure(lie)
				outcomes[outcome]++
				if outcome != replied {
					_ = s.Close()
					s = v.dial()
				}
			}
		}
	}
	_ = s.Close()
	runtime.ReadMemStats(&after)
	t.Logf("%d replies, %d closed, %d silent; the heap grew by %d MiB", outcomes[replied], outcomes[closed],
		outcomes[silent], (int64(after.HeapSys)-int64(before.HeapSys))>>20)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 2*requestMemory {
		t.Errorf("the heap grew by %d bytes: somebody believed a count", grown)
	}
	client.check()
	v.quiet(8)
}

func TestUnknownKeysAndVersions(t *testing.T) {
	v := startVictim(t)
	client := startSteady(t, v.address)
	for _, c := range []struct{ key, version int16 }{
		{-1, 0}, {4, 0}, {59, 0}, {999, 1}, {32767, 0}, {0, -1}, {0, 2}, {0, 14}, {1, 3}, {3, 14}, {19, 1}, {60, 77},
	} {
		frame := []byte{0, 0, 0, 0}
		frame = binary.BigEndian.AppendUint16(frame, uint16(c.key))
		frame = binary.BigEndian.AppendUint16(frame, uint16(c.version))
		frame = append(frame, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0)
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		if outcome, reply := v.hit(frame, patience); outcome != closed {
			t.Errorf("key %d version %d: got outcome %d and %x, want a closed connection", c.key, c.version, outcome, reply)
		}
	}
	frame := []byte{0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff}
	outcome, reply := v.hit(frame, patience)
	if outcome != replied || binary.BigEndian.Uint32(reply) != 7 || reply[5] != byte(protocol.UnsupportedVersion) {
		t.Errorf("ApiVersions 99: got outcome %d and %x, want UNSUPPORTED_VERSION in version 0", outcome, reply)
	}
	client.check()
	v.quiet(8)
}

// TestBadBatchesAreRefusedWithTheirCode appends nothing of them.
func TestBadBatchesAreRefusedWithTheirCode(t *testing.T) {
	v := startVictim(t)
	client := startSteady(t, v.address)
	good := batchOf(1000)
	change := func(at int, to byte) []byte {
		b := slices.Clone(good)
		b[at] = to
		return b
	}
	s := v.dial()
	defer s.Close()
	for name, c := range map[string]struct {
		records []byte
		code    protocol.Code
	}{
		"CRC":           {change(len(good)-1, 1), protocol.CorruptMessage},
		"flipped CRC":   {change(17, good[17]^1), protocol.CorruptMessage},
		"cut off":       {good[:len(good)-10], protocol.InvalidRecord},
		"only a header": {good[:40], protocol.InvalidRecord},
		"magic 1":       {change(16, 1), protocol.InvalidRecord},
		"magic 0":       {change(16, 0), protocol.InvalidRecord},
		"magic 9":       {change(16, 9), protocol.CorruptMessage},
		"nothing":       {[]byte{}, protocol.InvalidRecord},
		"two batches":   {slices.Concat(good, good), protocol.InvalidRecord},
		"too large":     {batchOf(2 << 20), protocol.MessageTooLarge},
	} {
		response, err := s.ask(produceOf(steadyTopic, c.records))
		must(t, err)
		if got := protocol.Code(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); got != c.code {
			t.Errorf("%s: got %v, want %v", name, got, c.code)
		}
	}
	client.check() // it would read what it has not written
	_ = s.Close()
	v.quiet(8)
}

// fillBigTopic makes bigTopic and gives it 16 MB.
func (v *victim) fillBigTopic() {
	v.t.Helper()
	s := v.dial()
	defer s.Close()
	for written := 0; written < 16; {
		response, err := s.ask(produceOf(bigTopic, batchOf(1_000_000)))
		must(v.t, err)
		if response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0 {
			written++
			continue
		}
		create := kmsg.NewPtrMetadataRequest()
		create.Version, create.AllowAutoTopicCreation = 9, true
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = new(bigTopic)
		create.Topics = append(create.Topics, topic)
		_, err = s.ask(create)
		must(v.t, err)
	}
}

// TestMemoryStaysWithinTheBudget has far more bytes announced and requested than the broker may hold, by
// senders that stop in the middle and by readers that never read. Both are gone after the stall time.
func TestMemoryStaysWithinTheBudget(t *testing.T) {
	v := startVictim(t)
	client := startSteady(t, v.address)
	v.fillBigTopic()
	stalled := slices.Clone((&socket{}).request(produceOf(steadyTopic, batchOf(7<<20)))[:600_000])
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var sockets []*socket
	for range 60 { // 420 MiB announced
		one := v.dial()
		_ = one.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = one.Write(stalled)
		sockets = append(sockets, one)
	}
	for range 100 { // 6 GiB asked for
		one := v.dial()
		request := one.request(greedyFetch())
		_ = one.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		for range 16 {
			_, _ = one.Write(request)
		}
		sockets = append(sockets, one)
	}
	highest, most := uint64(0), 0.0
	eventually(t, "the attackers to be thrown out", func() bool {
		runtime.ReadMemStats(&now)
		highest, most = max(highest, now.HeapInuse), max(most, v.gauge("chronik_request_memory_bytes"))
		return v.connections() <= 8
	})
	for _, one := range sockets {
		_ = one.Close()
	}
	grown := int64(highest) - int64(before.HeapInuse)
	t.Logf("requests held at most %.0f of %d MiB, the heap grew by at most %d MiB", most/(1<<20), requestMemory>>20,
		grown>>20)
	if most > requestMemory || grown > 3*requestMemory {
		t.Errorf("requests held %.0f bytes of %d, the heap grew by %d", most, requestMemory, grown)
	}
	client.check()
	v.quiet(8)
}
