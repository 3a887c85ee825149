package protocol

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// AppendRequest appends a request as one broker sends it to another: with correlation id 0 and no client id,
// and without the length prefix. ParseRequest reads it.
func AppendRequest(dst []byte, body kmsg.Request) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(body.Key()))
	dst = binary.BigEndian.AppendUint16(dst, uint16(body.GetVersion()))
	dst = append(dst, 0, 0, 0, 0) // correlation id
	dst = append(dst, 0xff, 0xff) // no client id
	if body.IsFlexible() {
		dst = append(dst, 0) // no tagged fields
	}
	return body.AppendTo(dst)
}

// AppendAnswer appends what AppendResponse does without the length prefix. ReadAnswer reads it.
func AppendAnswer(dst []byte, request Header, body kmsg.Response) []byte {
	body.SetVersion(ResponseVersion(request))
	return body.AppendTo(AppendResponseHeader(dst, request, body.IsFlexible()))
}

// ReadAnswer reads the answer to a request that AppendRequest wrote. It is for answers of other brokers,
// which are trusted not to lie about sizes; an answer that cannot be read gives an *Error.
func ReadAnswer(request kmsg.Request, answer []byte) (kmsg.Response, error) {
	response := request.ResponseKind()
	response.SetVersion(request.GetVersion())
	header := AppendResponseHeader(nil, Header{Key: request.Key()}, response.IsFlexible())
	if len(answer) < len(header) {
		return nil, Errorf(UnknownServerError, "answer of %d bytes has no header", len(answer))
	}
	if err := response.ReadFrom(answer[len(header):]); err != nil {
		return nil, Errorf(UnknownServerError, "malformed answer to %s version %d: %v",
			kmsg.NameForKey(request.Key()), request.GetVersion(), err)
	}
	return response, nil
}
