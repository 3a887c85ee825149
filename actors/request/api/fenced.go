package api

import "github.com/chronik-go/chronik/protocol"

// fencedBefore returns the code of a producer that was fenced as a client knows it: PRODUCER_FENCED came
// with a version of each request, and stood under INVALID_PRODUCER_EPOCH before.
func fencedBefore(first, version int16, code protocol.Code) int16 {
	if code == protocol.ProducerFenced && version < first {
		code = protocol.InvalidProducerEpoch
	}
	return int16(code)
}
