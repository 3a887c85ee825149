package protocol

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// refuses demands that a body is refused, with a problem that contains words.
func refuses(t *testing.T, key, version int16, body []byte, words string) {
	t.Helper()
	_, err := checkBody(key, version, body)
	if CodeOf(err) != InvalidRequest || !strings.Contains(err.Error(), words) {
		t.Errorf("%s %d: got %v, want %q", kmsg.NameForKey(key), version, err, words)
	}
}

func uvarintBytes(value uint64) []byte { return binary.AppendUvarint(nil, value) }

func join(parts ...[]byte) []byte {
	var all []byte
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func TestArraysThatLieAreRefused(t *testing.T) {
	metadata := int16(kmsg.Metadata)
	refuses(t, metadata, 1, []byte{0, 0, 0, 9, 0, 0}, "more elements than there are bytes")
	refuses(t, metadata, 1, []byte{0x7f, 0xff, 0xff, 0xff}, "too many elements")
	refuses(t, metadata, 9, join(uvarintBytes(10), []byte{1, 1}), "more elements than there are bytes")
	refuses(t, metadata, 9, uvarintBytes(1<<32-1), "too many elements")
	refuses(t, metadata, 9, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, "too long")
	refuses(t, metadata, 9, []byte{0x80, 0x80}, "too early")
	refuses(t, metadata, 1, []byte{0, 0}, "too early")
}

// A million one-byte elements fit a frame of a megabyte, but would decode to many times as much.
func TestElementCountAndMemoryAreBounded(t *testing.T) {
	describe := int16(kmsg.DescribeTopicPartitions)
	body := join(uvarintBytes(MaxArrayElements+2), make([]byte, 3*MaxArrayElements))
	refuses(t, describe, 0, body, "too many elements")

	topics := 1_000_000
	element := []byte{1, 1, 0} // empty name, no partitions, no tags: 48 bytes decoded
	body = join([]byte{0xff, 0xff, 0xff, 0xff, 0}, uvarintBytes(uint64(topics)+1))
	body = append(body, strings.Repeat(string(element), topics)...)
	body = append(body, 0, 0, 0, 0, 0)
	if _, err := checkBody(int16(kmsg.ListOffsets), 10, body); err != nil {
		t.Errorf("48 MB: got %v", err)
	}
	inner := strings.Repeat("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1_000_000)
	body = join([]byte{0xff, 0xff, 0xff, 0xff, 0}, uvarintBytes(4))
	for i := 0; i < 3; i++ { // three topics of a million partitions each
		body = append(append(append(body, 1), uvarintBytes(1_000_001)...), inner...)
		body = append(body, 0)
	}
	body = append(body, 0, 0, 0, 0, 0)
	refuses(t, int16(kmsg.ListOffsets), 10, body, "too much memory")
}

// kmsg loops as often as the count of tagged fields says, up to four billion times over no bytes at all.
func TestTaggedFieldsThatLieAreRefused(t *testing.T) {
	versions := int16(kmsg.ApiVersions)
	names := []byte{2, 'a', 2, 'b'}
	refuses(t, versions, 3, join(names, uvarintBytes(1<<32-1)), "too many tagged fields")
	refuses(t, versions, 3, join(names, uvarintBytes(MaxTaggedFields+1)), "too many tagged fields")
	refuses(t, versions, 3, join(names, uvarintBytes(2), []byte{5, 0}), "too early")
	refuses(t, versions, 3, join(names, uvarintBytes(1), []byte{5, 9, 0}), "too early")

	many := join(names, uvarintBytes(MaxTaggedFields))
	for i := 0; i < MaxTaggedFields; i++ {
		many = append(append(many, uvarintBytes(uint64(i))...), 0)
	}
	if _, err := checkBody(versions, 3, many); err != nil {
		t.Errorf("%d tagged fields: got %v", MaxTaggedFields, err)
	}
}

// The bound holds for all structures of a request together: each with unknown tags costs a map.
func TestTaggedFieldsAreCountedOverTheWholeRequest(t *testing.T) {
	const topics = MaxTaggedFields/2 + 1
	body := uvarintBytes(topics + 1)
	for i := 0; i < topics; i++ {
		body = append(body, 1, 2, 100, 0, 101, 0) // empty name, two tags
	}
	body = append(body, 0, 0, 0, 0, 0xff, 0)
	refuses(t, int16(kmsg.DescribeTopicPartitions), 0, body, "too many tagged fields")
}

// The decoder looks into the tags it knows, so the walker must too: a structure inside a tag ends with
// tagged fields of its own.
func TestKnownTagsAreWalkedWithinTheirOwnBytes(t *testing.T) {
	request := kmsg.NewPtrFetchRequest()
	request.Version = 15
	base := bodyOf(request)
	base = base[:len(base)-1] // without the empty tags
	replica := make([]byte, 12)
	fetch := func(tag byte, payload []byte) []byte {
		return join(base, []byte{1, tag, byte(len(payload))}, payload)
	}
	refuses(t, 1, 15, fetch(1, join(replica, uvarintBytes(1<<32-1))), "too many tagged fields")
	refuses(t, 1, 15, fetch(1, replica[:5]), "too early")
	refuses(t, 1, 15, fetch(0, []byte{9, 'a'}), "too early")
	if _, err := checkBody(1, 15, fetch(1, join(replica, []byte{0}))); err != nil {
		t.Errorf("sound replica state: got %v", err)
	}
	if _, err := checkBody(1, 15, fetch(77, replica[:5])); err != nil {
		t.Errorf("unknown tag: got %v", err)
	}
}

func TestNullIsLegalOnlyWhereTheSchemaSaysSo(t *testing.T) {
	null32, null16 := []byte{0xff, 0xff, 0xff, 0xff}, []byte{0xff, 0xff}
	refuses(t, int16(kmsg.Metadata), 0, null32, "null")
	if _, err := checkBody(int16(kmsg.Metadata), 1, null32); err != nil {
		t.Errorf("all topics: got %v", err)
	}
	refuses(t, int16(kmsg.Metadata), 1, join([]byte{0, 0, 0, 1}, null16), "null")
	refuses(t, int16(kmsg.Metadata), 9, []byte{2, 0, 0, 0, 0, 0, 0}, "null")
	refuses(t, int16(kmsg.DeleteRecords), 1, join(null32, null32), "null")
	if _, err := checkBody(int16(kmsg.InitProducerID), 0, join(null16, null32)); err != nil {
		t.Errorf("no transactional id: got %v", err)
	}
	if _, err := checkBody(int16(kmsg.DescribeLogDirs), 2, []byte{0, 0}); err != nil {
		t.Errorf("all topics: got %v", err)
	}
	long := join(uvarintBytes(1<<15+1), make([]byte, 1<<15), []byte{1, 0})
	refuses(t, int16(kmsg.ApiVersions), 3, long, "too long")
}
