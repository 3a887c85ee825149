package protocol

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The schemas are transcribed by hand; kmsg is generated from Kafka's definitions. Whatever kmsg encodes,
// the walker must consume to the last byte.
func TestSchemasConsumeWhatKmsgEncodes(t *testing.T) {
	r := newRand(t)
	eachVersion(func(key, version int16) {
		for i := 0; i < 200; i++ {
			body := bodyOf(randomRequest(r, key, version))
			s := schemaOf(key)
			w := walker{rest: body, version: version, flexible: version >= s.flexibleFrom}
			w.structure(s.fields, s.tagged, true)
			if w.problem != "" {
				t.Fatalf("%s %d: %s\n% x", kmsg.NameForKey(key), version, w.problem, body)
			}
			if len(w.rest) != 0 {
				t.Fatalf("%s %d: %d of %d bytes are left", kmsg.NameForKey(key), version, len(w.rest), len(body))
			}
		}
	})
}

func TestSchemasRefuseEveryTruncation(t *testing.T) {
	r := newRand(t)
	eachVersion(func(key, version int16) {
		for i := 0; i < 10; i++ {
			body := bodyOf(randomRequest(r, key, version))
			for cut := range body {
				if _, err := checkBody(key, version, body[:cut]); CodeOf(err) != InvalidRequest {
					t.Fatalf("%s %d cut at %d of %d: got %v", kmsg.NameForKey(key), version, cut, len(body), err)
				}
			}
		}
	})
}

func TestParsedRequestsEncodeToTheSameBytes(t *testing.T) {
	r := newRand(t)
	eachVersion(func(key, version int16) {
		for i := 0; i < 50; i++ {
			frame := frameOf(randomRequest(r, key, version), int32(i), "client")
			request, err := ParseRequest(bytes.Clone(frame))
			if err != nil {
				t.Fatalf("%s %d: %v", kmsg.NameForKey(key), version, err)
			}
			if again := frameOf(request.Body, request.CorrelationID, request.ClientID); !bytes.Equal(again, frame) {
				t.Fatalf("%s %d: got\n% x, want\n% x", kmsg.NameForKey(key), version, again, frame)
			}
		}
	})
}

func TestSchemasAgreeWithKmsgOnFlexibility(t *testing.T) {
	eachVersion(func(key, version int16) {
		request := kmsg.RequestForKey(key)
		request.SetVersion(version)
		if got := version >= schemaOf(key).flexibleFrom; got != request.IsFlexible() {
			t.Errorf("%s %d: flexible %v, want %v", kmsg.NameForKey(key), version, got, request.IsFlexible())
		}
	})
}
