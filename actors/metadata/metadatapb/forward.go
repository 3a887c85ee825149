package metadatapb

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// peerVersion begins what brokers send each other.
const peerVersion = 1

// MaxPeerBytes bounds what a broker takes from another one: a command, and what it changed.
const MaxPeerBytes = 2 * MaxCommandBytes

// EncodePeer returns what is sent to another broker: a Question, an Outcome or a Standing. It fails on texts
// that are none, which clients may send, and on a message that is too large.
func EncodePeer(message proto.Message) ([]byte, error) {
	data, err := deterministic.MarshalAppend([]byte{peerVersion}, message)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", message, err)
	}
	if len(data) > MaxPeerBytes {
		return nil, fmt.Errorf("encode %T: %d bytes, more than %d", message, len(data), MaxPeerBytes)
	}
	return data, nil
}

// DecodePeer parses what another broker has sent. Errors wrap ErrUnknown or ErrCorrupt.
func DecodePeer(data []byte, message proto.Message) error {
	if len(data) == 0 || len(data) > MaxPeerBytes {
		return fmt.Errorf("%w: %T of %d bytes", ErrCorrupt, message, len(data))
	}
	if data[0] != peerVersion {
		return fmt.Errorf("%w: %T version %d", ErrUnknown, message, data[0])
	}
	return unmarshal(data[1:], message)
}
