package wire

import (
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/chronik-go/chronik/storage/wal"
)

// Kind says what an item is. The numbers go over the wire.
type Kind uint8

// Kinds.
const (
	Greet Kind = iota + 1
	Welcome
	Refuse
	Join
	Raft
	Ping
	Pong
	Call
	Return
	Notice
	Request
	Piece
)

// Item is one thing that a frame holds. Which fields count depends on the kind, see the package comment.
type Item struct {
	Kind    Kind
	Failed  bool // of Return: Text says why there is no result
	Service uint8
	Group   wal.GroupID
	Number  uint64
	Timeout time.Duration // rounded up to milliseconds
	Message *raftpb.Message
	Hello   *Hello
	Text    string
	Body    []byte
}

// Limits of a frame and of its parts. A frame beyond them is damaged or not from us.
const (
	MaxFrame = 128 << 20
	maxHeads = 8 << 20
	maxText  = 64 << 10
)

// size returns about how many bytes the item takes in a frame, never less than it does.
func (i *Item) size() int {
	n := 64 + len(i.Text) + len(i.Body)
	if i.Message != nil {
		n += messageSize(i.Message)
	}
	if i.Hello != nil {
		n += helloSize(i.Hello)
	}
	return n
}

// heads returns how many of these bytes are no body.
func (i *Item) heads() int {
	n := 64 + len(i.Text)
	if i.Message != nil {
		n += messageHeads(i.Message)
	}
	if i.Hello != nil {
		n += helloSize(i.Hello)
	}
	return n
}

func appendItem(b []byte, bodies *bodies, i *Item) []byte {
	b = append(b, byte(i.Kind))
	switch i.Kind {
	case Greet, Welcome:
		return appendUvarint(appendHello(b, i.Hello), i.Number)
	case Refuse:
		return appendString(b, i.Text)
	case Join, Ping, Pong:
		return appendUvarint(b, i.Number)
	case Raft:
		return appendMessage(appendUvarint(b, uint64(i.Group)), bodies, i.Message)
	case Call:
		b = append(appendUvarint(b, i.Number), i.Service)
		b = appendUvarint(b, uint64((max(0, i.Timeout)+time.Millisecond-1)/time.Millisecond))
	case Return:
		b = appendUvarint(b, i.Number)
		if !i.Failed {
			b = append(b, 0)
			break
		}
		b = appendString(append(b, 1), i.Text[:min(len(i.Text), maxText)])
	case Notice:
		b = append(b, i.Service)
	case Request:
		b = appendUvarint(appendHello(b, i.Hello), i.Number)
		b = appendUvarint(b, uint64(i.Group))
	case Piece:
	}
	bodies.add(i.Body)
	return appendUvarint(b, uint64(len(i.Body)))
}

func decodeItem(r *reader, bodies *source) Item {
	i := Item{Kind: Kind(r.byte())}
	switch i.Kind {
	case Greet, Welcome:
		i.Hello, i.Number = decodeHello(r), r.uvarint()
		return i
	case Refuse:
		i.Text = r.string(maxText)
		return i
	case Join, Ping, Pong:
		i.Number = r.uvarint()
		return i
	case Raft:
		i.Group = wal.GroupID(r.uvarint())
		i.Message = decodeMessage(r, bodies)
		return i
	case Call:
		i.Number, i.Service = r.uvarint(), r.byte()
		i.Timeout = time.Duration(min(r.uvarint(), maxTimeout)) * time.Millisecond
	case Return:
		i.Number = r.uvarint()
		if i.Failed = r.byte() != 0; i.Failed {
			i.Text = r.string(maxText)
		}
	case Notice:
		i.Service = r.byte()
	case Request:
		i.Hello, i.Number = decodeHello(r), r.uvarint()
		i.Group = wal.GroupID(r.uvarint())
	case Piece:
	default:
		r.fail()
		return i
	}
	i.Body = bodies.take(r, r.uvarint())
	return i
}

// maxTimeout is an hour in milliseconds, more than any call waits.
const maxTimeout = 3_600_000
