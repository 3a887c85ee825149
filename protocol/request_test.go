package protocol

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestParseRequestReadsBothHeaders(t *testing.T) {
	for _, version := range []int16{8, 9} { // the header is flexible from 9 on
		request := kmsg.NewPtrMetadataRequest()
		request.Version = version
		parsed, err := ParseRequest(frameOf(request, 77, "me"))
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if want := (Header{Key: 3, Version: version, CorrelationID: 77, ClientID: "me"}); parsed.Header != want {
			t.Errorf("got %+v, want %+v", parsed.Header, want)
		}
		if parsed.Body.(*kmsg.MetadataRequest).Topics != nil {
			t.Errorf("version %d: null topics became an empty list, which asks for none", version)
		}
	}
}

func TestANullClientIDIsEmpty(t *testing.T) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 1
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)[4:]
	parsed, err := ParseRequest(frame)
	if err != nil || parsed.ClientID != "" {
		t.Errorf("got %+v, %v", parsed, err)
	}
}

func TestHeaderTagsAreSkipped(t *testing.T) {
	frame := []byte{0, 3, 0, 9, 0, 0, 0, 5, 0, 1, 'c', 1, 9, 2, 'x', 'y', 0, 1, 0, 0, 0}
	parsed, err := ParseRequest(frame)
	if err != nil || !parsed.Body.(*kmsg.MetadataRequest).AllowAutoTopicCreation {
		t.Errorf("got %+v, %v", parsed, err)
	}
}

func TestHeadersThatAreBrokenAreRefused(t *testing.T) {
	for name, frame := range map[string][]byte{
		"empty":                    {},
		"too short":                {0, 3, 0, 1, 0, 0, 0},
		"no client id":             {0, 3, 0, 1, 0, 0, 0, 1},
		"client id too long":       {0, 3, 0, 1, 0, 0, 0, 1, 0, 9, 'a'},
		"no header tags":           {0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a'},
		"four billion header tags": {0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff, 0x0f},
		"no body":                  {0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'a'},
	} {
		if _, err := ParseRequest(frame); CodeOf(err) != InvalidRequest {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// KIP-511: a client that is newer than the broker asks for versions the broker does not know, and must be
// answered in version 0; so the correlation id has to survive.
func TestUnsupportedVersionsCarryTheHeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame []byte
		want  Header
	}{
		{"api versions of the future", []byte{0, 18, 0, 99, 0, 0, 0, 42, 0, 1, 'c', 0, 1, 2, 3},
			Header{Key: 18, Version: 99, CorrelationID: 42, ClientID: "c"}},
		{"produce 2", []byte{0, 0, 0, 2, 0, 0, 0, 42, 0, 1, 'c'},
			Header{Key: 0, Version: 2, CorrelationID: 42, ClientID: "c"}},
		{"negative version", []byte{0, 3, 0xff, 0xff, 0, 0, 0, 42, 0, 1, 'c'},
			Header{Key: 3, Version: -1, CorrelationID: 42, ClientID: "c"}},
		{"a header of the future", []byte{0, 18, 0, 99, 0, 0, 0, 42, 0x7f, 0xff, 'c'},
			Header{Key: 18, Version: 99, CorrelationID: 42}},
		{"nothing but a header", []byte{0, 18, 0, 99, 0, 0, 0, 42}, Header{Key: 18, Version: 99, CorrelationID: 42}},
		{"unknown api", []byte{0, 250, 0, 0, 0, 0, 0, 42}, Header{Key: 250, CorrelationID: 42}},
		{"api -1", []byte{0xff, 0xff, 0, 0, 0, 0, 0, 42}, Header{Key: -1, CorrelationID: 42}},
	} {
		_, err := ParseRequest(c.frame)
		var unsupported *UnsupportedVersionError
		if !errors.As(err, &unsupported) || unsupported.Header != c.want {
			t.Errorf("%s: got %v %+v, want %+v", c.name, err, unsupported, c.want)
		}
		if CodeOf(err) != UnsupportedVersion {
			t.Errorf("%s: got %s", c.name, CodeOf(err))
		}
	}
}

// Kafka does not look at what follows the body, and clients exist that pad.
func TestBytesBehindTheBodyAreIgnored(t *testing.T) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 1
	if _, err := ParseRequest(append(frameOf(request, 1, "c"), 1, 2, 3)); err != nil {
		t.Error(err)
	}
}

// A megabyte of records must not be copied on its way in.
func TestProduceRecordsAliasTheFrame(t *testing.T) {
	for _, version := range []int16{3, 9, 13} {
		frame := frameOf(produceRequest(version, []byte("records")), 1, "c")
		parsed, err := ParseRequest(frame)
		if err != nil {
			t.Fatal(err)
		}
		records := parsed.Body.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records
		first, last := unsafe.Pointer(&frame[0]), unsafe.Pointer(&frame[len(frame)-1])
		if at := unsafe.Pointer(&records[0]); uintptr(at) < uintptr(first) || uintptr(at) > uintptr(last) {
			t.Errorf("version %d: the records were copied", version)
		}
		if cap(records) != len(records) {
			t.Errorf("version %d: an append to the records would overwrite what follows", version)
		}
		for i := range frame { // strings are copies and outlive the frame
			frame[i] = 'x'
		}
		if version < 13 && parsed.Body.(*kmsg.ProduceRequest).Topics[0].Topic != "topic" || parsed.ClientID != "c" {
			t.Errorf("version %d: strings alias the frame", version)
		}
	}
}

func TestSizeCountsFrameAndDecoded(t *testing.T) {
	frame := frameOf(produceRequest(9, make([]byte, 1000)), 1, "c")
	parsed, err := ParseRequest(frame)
	if err != nil || parsed.Size < len(frame)+50 || parsed.Size > len(frame)+500 {
		t.Errorf("got %+v, %v for a frame of %d bytes", parsed, err, len(frame))
	}
}

func produceRequest(version int16, records []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = version, -1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "topic"
	topic.TopicID = [16]byte{1}
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = records
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	return request
}

func fetchRequest(version int16, partitions int) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version = version
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = "topic", [16]byte{1}
	for i := 0; i < partitions; i++ {
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition = int32(i)
		topic.Partitions = append(topic.Partitions, partition)
	}
	request.Topics = append(request.Topics, topic)
	return request
}

// The hot requests cost a fixed number of allocations: the request, its body, one slice per array and one
// string per topic name. The walk costs none.
func TestParsingAllocatesAFixedNumberOfTimes(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	produce := frameOf(produceRequest(9, make([]byte, 16<<10)), 1, "client")
	fetch := frameOf(fetchRequest(13, 100), 1, "client")
	for _, c := range []struct {
		name  string
		frame []byte
		most  float64
	}{{"produce", produce, 6}, {"fetch", fetch, 5}} {
		got := testing.AllocsPerRun(100, func() {
			if _, err := ParseRequest(c.frame); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.most {
			t.Errorf("%s: got %v allocations, want at most %v", c.name, got, c.most)
		}
	}
	body := bodyOf(fetchRequest(13, 100))
	if got := testing.AllocsPerRun(100, func() { _, _ = checkBody(1, 13, body) }); got != 0 {
		t.Errorf("walk: got %v allocations, want none", got)
	}
}

func BenchmarkParseProduce(b *testing.B) {
	frame := frameOf(produceRequest(9, make([]byte, 16<<10)), 1, "client")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRequest(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFetch100Partitions(b *testing.B) {
	frame := frameOf(fetchRequest(13, 100), 1, "client")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRequest(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWalkFetch100Partitions(b *testing.B) {
	body := bodyOf(fetchRequest(13, 100))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checkBody(1, 13, body); err != nil {
			b.Fatal(err)
		}
	}
}
