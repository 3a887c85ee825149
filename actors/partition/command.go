package partition

import (
	"encoding/binary"
	"fmt"

	"github.com/chronik-go/chronik/protocol"
)

// The layout of commands is drawn in the package comment.
const (
	commandMark    = 0xff
	commandVersion = 1
	commandSize    = 3 + 8

	kindAdvanceStart    = 1
	kindExpireProducers = 2

	expireSize = commandSize + 8
)

// isCommand tells a command from a record batch: the first byte of a batch is the top byte of its base
// offset, and no log reaches offset 0xff << 56.
func isCommand(data []byte) bool { return len(data) > 0 && data[0] == commandMark }

// isKind tells a command of one kind from all else; it has its head at least.
func isKind(data []byte, kind byte) bool {
	return isCommand(data) && data[1] == commandVersion && data[2] == kind
}

// encodeAdvanceStart returns the entry that raises the log start offset.
func encodeAdvanceStart(start protocol.Offset) []byte {
	data := make([]byte, 0, commandSize)
	data = append(data, commandMark, commandVersion, kindAdvanceStart)
	return binary.BigEndian.AppendUint64(data, uint64(start))
}

// decodeAdvanceStart returns the log start offset of a command. An unknown version or kind is an error:
// a replica that skipped what it does not understand would part from the others.
func decodeAdvanceStart(data []byte) (protocol.Offset, error) {
	if len(data) != commandSize || !isKind(data, kindAdvanceStart) {
		return 0, fmt.Errorf("unknown replica command % x: written by a newer version?", data[:min(len(data), 3)])
	}
	return protocol.Offset(binary.BigEndian.Uint64(data[3:])), nil
}

// encodeExpireProducers returns the entry that makes producers expire that were silent since before a time
// (milliseconds since the epoch); at is the offset of the next record.
func encodeExpireProducers(before int64, at protocol.Offset) []byte {
	data := append(make([]byte, 0, expireSize), commandMark, commandVersion, kindExpireProducers)
	data = binary.BigEndian.AppendUint64(data, uint64(before))
	return binary.BigEndian.AppendUint64(data, uint64(at))
}

// decodeExpireProducers reads what encodeExpireProducers returns; false if data is another command.
func decodeExpireProducers(data []byte) (before int64, at protocol.Offset, ok bool) {
	if len(data) != expireSize || !isKind(data, kindExpireProducers) {
		return 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(data[3:])), protocol.Offset(binary.BigEndian.Uint64(data[11:])), true
}
