package protocol

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// AppendResponse appends a whole response frame to dst: length prefix, the response header that belongs to
// the request's header, and body in the request's version. The body is encoded straight into dst; callers
// on hot paths give dst room for it.
//
//	v0 | length int32 | correlation id int32 | body |
//	v1 | length int32 | correlation id int32 | tagged fields, none | body |
//
// ApiVersions always has header v0, so that a client can read the answer whatever it asked for (KIP-511),
// and the answer to an ApiVersions version that is not served has version 0.
func AppendResponse(dst []byte, request Header, body kmsg.Response) []byte {
	if body.Key() != request.Key {
		panic(fmt.Sprintf("BUG: got a response of key %d, want key %d", body.Key(), request.Key))
	}
	body.SetVersion(ResponseVersion(request))
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendResponseHeader(dst, request, body.IsFlexible())
	dst = body.AppendTo(dst)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// AppendResponseHeader appends the response header alone: for a caller that writes the body itself.
func AppendResponseHeader(dst []byte, request Header, flexible bool) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(request.CorrelationID))
	if flexible && request.Key != int16(kmsg.ApiVersions) {
		dst = append(dst, 0) // no tagged fields
	}
	return dst
}

// ResponseVersion returns the version in which a request is answered: its own, but 0 for an ApiVersions
// version that is not served.
func ResponseVersion(request Header) int16 {
	if request.Key == int16(kmsg.ApiVersions) && !Supports(request.Key, request.Version) {
		return 0
	}
	return request.Version
}
