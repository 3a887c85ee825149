package metadatapb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	commandVersion = 1

	snapshotMagic      = "CHRKMETA"
	snapshotVersion    = 1
	snapshotHeaderSize = len(snapshotMagic) + 4 + 8 + 4

	// MaxCommandBytes bounds one entry of the metadata log. A topic with 100,000 partitions of three
	// replicas takes about 1 MB.
	MaxCommandBytes = 16 << 20
)

// ErrUnknown is what DecodeCommand and DecodeSnapshot return, wrapped, for bytes of a newer version. The
// broker must not go on without them: it wants an upgrade.
var ErrUnknown = errors.New("written by a newer version of chronik")

// ErrCorrupt is what DecodeCommand and DecodeSnapshot return, wrapped, for bytes that nobody wrote.
var ErrCorrupt = errors.New("corrupt metadata")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// deterministic makes equal messages equal bytes: maps are written in the order of their keys.
var deterministic = proto.MarshalOptions{Deterministic: true}

// EncodeCommand returns the entry of a command. It panics on a command without a kind, which is a bug
// of the caller.
func EncodeCommand(command *Command) []byte {
	if command.GetKind() == nil {
		panic("BUG: got a command without a kind, want one")
	}
	data, err := deterministic.MarshalAppend([]byte{commandVersion}, command)
	if err != nil {
		panic(fmt.Sprintf("BUG: encode command: %v", err))
	}
	return data
}

// DecodeCommand parses an entry of the metadata log. Errors wrap ErrUnknown or ErrCorrupt.
func DecodeCommand(data []byte) (*Command, error) {
	if len(data) == 0 || len(data) > MaxCommandBytes {
		return nil, fmt.Errorf("%w: command of %d bytes", ErrCorrupt, len(data))
	}
	if data[0] != commandVersion {
		return nil, fmt.Errorf("%w: command version %d", ErrUnknown, data[0])
	}
	command := &Command{}
	if err := unmarshal(data[1:], command); err != nil {
		return nil, err
	}
	if command.GetKind() == nil {
		return nil, fmt.Errorf("%w: command without a kind", ErrUnknown)
	}
	return command, nil
}

// EncodeSnapshot returns the content of a snapshot file.
func EncodeSnapshot(snapshot *Snapshot) ([]byte, error) {
	body, err := deterministic.Marshal(snapshot)
	if err != nil {
		return nil, fmt.Errorf("encode metadata snapshot: %w", err)
	}
	return FrameSnapshot(body), nil
}

// FrameSnapshot returns the content of a snapshot file around an encoded Snapshot.
func FrameSnapshot(body []byte) []byte {
	data := make([]byte, 0, snapshotHeaderSize+len(body))
	data = append(data, snapshotMagic...)
	data = binary.BigEndian.AppendUint32(data, snapshotVersion)
	data = binary.BigEndian.AppendUint64(data, uint64(len(body)))
	data = binary.BigEndian.AppendUint32(data, crc32.Checksum(body, castagnoli))
	return append(data, body...)
}

// DecodeSnapshot parses the content of a snapshot file. Errors wrap ErrUnknown or ErrCorrupt.
func DecodeSnapshot(data []byte) (*Snapshot, error) {
	if len(data) < snapshotHeaderSize || string(data[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: not a metadata snapshot", ErrCorrupt)
	}
	header, body := data[len(snapshotMagic):snapshotHeaderSize], data[snapshotHeaderSize:]
	if version := binary.BigEndian.Uint32(header); version != snapshotVersion {
		return nil, fmt.Errorf("%w: snapshot version %d", ErrUnknown, version)
	}
	if length := binary.BigEndian.Uint64(header[4:]); length != uint64(len(body)) {
		return nil, fmt.Errorf("%w: snapshot of %d bytes, want %d", ErrCorrupt, len(body), length)
	}
	if sum := binary.BigEndian.Uint32(header[12:]); sum != crc32.Checksum(body, castagnoli) {
		return nil, fmt.Errorf("%w: wrong checksum of snapshot", ErrCorrupt)
	}
	snapshot := &Snapshot{}
	if err := unmarshal(body, snapshot); err != nil {
		return nil, err
	}
	return snapshot, nil
}

// unmarshal parses data and refuses fields that this version does not know.
func unmarshal(data []byte, message proto.Message) error {
	if err := proto.Unmarshal(data, message); err != nil {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	if hasUnknown(message.ProtoReflect()) {
		return fmt.Errorf("%w: unknown field in %T", ErrUnknown, message)
	}
	return nil
}

// hasUnknown tells whether a message or one inside it carries a field that this version does not know.
func hasUnknown(message protoreflect.Message) bool {
	if len(message.GetUnknown()) > 0 {
		return true
	}
	found := false
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil || field.IsMap(): // our maps have scalar values only
		case field.IsList():
			list := value.List()
			for i := 0; i < list.Len() && !found; i++ {
				found = hasUnknown(list.Get(i).Message())
			}
		default:
			found = hasUnknown(value.Message())
		}
		return !found
	})
	return found
}
