package protocol

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Header is the header of a request, and what its response needs of it.
type Header struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      string // empty when the client sent null
}

// Request is a parsed request.
type Request struct {
	Header
	Body kmsg.Request // its version is set; record bytes and tags alias the frame, strings do not
	Size int          // bytes of memory that the request holds: its frame and what was decoded from it
}

// UnsupportedVersionError says that a request names an API or a version that is not served. An ApiVersions
// request is then answered in version 0 (AppendResponse does so by the header); any other connection is
// closed, because the client was told the versions and the body cannot be read.
type UnsupportedVersionError struct {
	Header Header
}

// Error implements error.
func (e *UnsupportedVersionError) Error() string {
	return fmt.Sprintf("%s version %d is not served", kmsg.NameForKey(e.Header.Key), e.Header.Version)
}

// ParseRequest parses a frame without its length prefix. Frames that lie about the size of their arrays,
// strings or tagged fields, have null where the schema demands a value, or would take more memory than
// MaxDecodedBytes are refused with an *Error of code InvalidRequest before anything is allocated for them;
// an API or version that is not served gives an *UnsupportedVersionError. After an error the connection is
// closed, except for unsupported ApiVersions. Bytes behind the body are ignored, as Kafka does.
//
// The records of a Produce request alias frame, so frame belongs to the request from here on.
func ParseRequest(frame []byte) (*Request, error) {
	header, body, err := parseHeader(frame)
	if err != nil {
		return nil, err
	}
	decoded, err := checkBody(header.Key, header.Version, body)
	if err != nil {
		return nil, err
	}
	request := &Request{Header: header, Body: kmsg.RequestForKey(header.Key), Size: len(frame) + decoded}
	request.Body.SetVersion(header.Version)
	if err := request.Body.ReadFrom(body); err != nil {
		return nil, malformed(header.Key, header.Version, err.Error())
	}
	return request, nil
}

// parseHeader reads a request header and returns the rest of the frame, or an *UnsupportedVersionError. The
// error carries what could be read: a version of the future may have another header, and its client waits
// for an answer all the same.
//
//	v1 | key int16 | version int16 | correlation id int32 | client id nullable string |
//	v2 | ... the same ... | tagged fields |
//
// Version 0, without the client id, was used by ControlledShutdown 0 alone, which no broker serves any
// more. The client id keeps its two-byte length in v2, since a broker reads it before it can know that it
// understands the version.
func parseHeader(frame []byte) (Header, []byte, error) {
	const fixed = 8
	if len(frame) < fixed {
		return Header{}, nil, Errorf(InvalidRequest, "request of %d bytes has no header", len(frame))
	}
	header := Header{
		Key:           int16(binary.BigEndian.Uint16(frame)),
		Version:       int16(binary.BigEndian.Uint16(frame[2:])),
		CorrelationID: int32(binary.BigEndian.Uint32(frame[4:])),
	}
	w := walker{rest: frame[fixed:]}
	header.ClientID = string(w.sized(w.stringLength(), true))
	if !Supports(header.Key, header.Version) {
		return header, nil, &UnsupportedVersionError{Header: header}
	}
	if header.Version >= schemaOf(header.Key).flexibleFrom {
		w.taggedFields(nil)
	}
	if w.problem != "" {
		return header, nil, malformed(header.Key, header.Version, w.problem)
	}
	return header, w.rest, nil
}

func malformed(key, version int16, problem string) *Error {
	return Errorf(InvalidRequest, "malformed %s request version %d: %s", kmsg.NameForKey(key), version, problem)
}
