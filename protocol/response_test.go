package protocol

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// unframe takes a response apart as a client does.
func unframe(t *testing.T, frame []byte, request Header, flexible bool) []byte {
	t.Helper()
	if size := binary.BigEndian.Uint32(frame); int(size) != len(frame)-4 {
		t.Fatalf("length prefix %d on a frame of %d bytes", size, len(frame))
	}
	if id := int32(binary.BigEndian.Uint32(frame[4:])); id != request.CorrelationID {
		t.Fatalf("correlation id %d, want %d", id, request.CorrelationID)
	}
	if !flexible {
		return frame[8:]
	}
	if frame[8] != 0 {
		t.Fatalf("header tags %d, want none", frame[8])
	}
	return frame[9:]
}

func TestResponsesOfEveryVersionDecodeAgain(t *testing.T) {
	r := newRand(t)
	eachVersion(func(key, version int16) {
		request := kmsg.RequestForKey(key)
		request.SetVersion(version)
		body := request.ResponseKind()
		fill(r, reflect.ValueOf(body).Elem())
		header := Header{Key: key, Version: version, CorrelationID: r.Int31()}
		frame := AppendResponse(nil, header, body)
		rest := unframe(t, frame, header, request.IsFlexible() && key != int16(kmsg.ApiVersions))
		if !bytes.Equal(rest, body.AppendTo(nil)) {
			t.Fatalf("%s %d: the body differs", kmsg.NameForKey(key), version)
		}
		again := request.ResponseKind()
		if err := again.ReadFrom(rest); err != nil {
			t.Fatalf("%s %d: %v", kmsg.NameForKey(key), version, err)
		}
	})
}

// KIP-511: the header of an ApiVersions response never changes, and a version that the broker does not know
// is answered in version 0.
func TestApiVersionsResponses(t *testing.T) {
	for _, c := range []struct{ asked, answered int16 }{
		{0, 0}, {2, 2}, {3, 3}, {4, 4}, {5, 0}, {99, 0}, {-1, 0},
	} {
		body := kmsg.NewPtrApiVersionsResponse()
		header := Header{Key: 18, Version: c.asked, CorrelationID: 7}
		frame := AppendResponse([]byte("before"), header, body)[len("before"):]
		if body.Version != c.answered {
			t.Errorf("asked for %d: answered in %d, want %d", c.asked, body.Version, c.answered)
		}
		again := kmsg.NewPtrApiVersionsResponse()
		again.Version = c.answered
		if err := again.ReadFrom(unframe(t, frame, header, false)); err != nil {
			t.Errorf("asked for %d: %v", c.asked, err)
		}
	}
}

func TestAResponseToAnotherRequestIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	AppendResponse(nil, Header{Key: 3}, kmsg.NewPtrFetchResponse())
}

func TestAppendResponseGrowsOneBuffer(t *testing.T) {
	if !measured {
		t.Skip("the race detector allocates too")
	}
	body := kmsg.NewPtrProduceResponse()
	header := Header{Key: 0, Version: 9}
	buffer := make([]byte, 0, 1024)
	if got := testing.AllocsPerRun(100, func() { AppendResponse(buffer, header, body) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkAppendProduceResponse(b *testing.B) {
	body := kmsg.NewPtrProduceResponse()
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic = "topic"
	topic.Partitions = append(topic.Partitions, kmsg.NewProduceResponseTopicPartition())
	body.Topics = append(body.Topics, topic)
	header := Header{Key: 0, Version: 9}
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		AppendResponse(buffer, header, body)
	}
}
