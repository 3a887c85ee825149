package fetch

import (
	"encoding/binary"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Endpoint is where a client reaches a broker: the hint of KIP-951.
type Endpoint struct {
	Node int32
	Host string
	Port int32
	Rack *string
}

// response is one Fetch response, ready to be encoded. kmsg could encode it too, but only with the record
// bytes in memory; here they are pieces of files. A test compares the two byte by byte.
//
//	| throttle int32 | error int16 (7+) | session id int32 (7+) | topics | tags (12+): 0 node endpoints (16+) |
//	topic      | name (to 12) or id (13+) | partitions | tags (12+) |
//	partition  | index int32 | error int16 | high watermark int64 | last stable int64 | log start int64 (5+) |
//	           | aborted transactions | preferred replica int32 (11+) | records |
//	           | tags (12+): 0 diverging epoch, 1 current leader |
type response struct {
	header    protocol.Header
	code      protocol.Code
	sessionID int32
	committed bool
	items     []item
	endpoints []Endpoint
}

// flexibleFrom is the first version with compact lengths and tagged fields.
const flexibleFrom = 12

// encode returns the frame of the response. The regions of the items belong to the frame from then on.
func (r *response) encode() Frame {
	e := encoder{version: r.header.Version, flexible: r.header.Version >= flexibleFrom}
	e.buf = make([]byte, 4, r.estimate())
	e.buf = protocol.AppendResponseHeader(e.buf, r.header, e.flexible)
	e.int32(0) // throttle time
	if e.version >= 7 {
		e.int16(int16(r.code))
		e.int32(r.sessionID)
	}
	r.encodeTopics(&e)
	r.encodeEndpoints(&e)
	frame := Frame{Bytes: e.buf, Splices: e.splices}
	binary.BigEndian.PutUint32(frame.Bytes, uint32(frame.Size()-4))
	return frame
}

// Failure returns the answer to a request whose actor has failed. Before version 7 there is no code for the
// whole response, so every partition carries it; from 13 on clients want it for the whole alone.
func Failure(r *protocol.Request) Frame {
	body := r.Body.(*kmsg.FetchRequest)
	failure := response{header: r.Header, code: protocol.UnknownServerError, sessionID: body.SessionID}
	if body.Version < firstTopicIDs {
		entries := entriesOf(body)
		for i := range entries {
			failure.items = append(failure.items, item{entry: &entries[i], result: failed(failure.code)})
		}
	}
	return failure.encode()
}

// estimate returns about how many bytes the response has without its records.
func (r *response) estimate() int {
	const fixed, perPartition = 64, 56
	size := fixed + perPartition*len(r.items)
	for i := range r.items {
		size += 17 * len(r.items[i].aborted)
		if r.newTopic(i) {
			size += 24 + len(r.items[i].entry.topic)
		}
	}
	return size
}

// newTopic tells whether item i begins a new topic: neighbours of one topic share its entry, and the order
// of the partitions is kept, so a topic may occur more than once.
func (r *response) newTopic(i int) bool {
	if i == 0 {
		return true
	}
	a, b := r.items[i-1].entry, r.items[i].entry
	return a.topic != b.topic || a.id != b.id
}

func (r *response) encodeTopics(e *encoder) {
	topics := 0
	for i := range r.items {
		if r.newTopic(i) {
			topics++
		}
	}
	e.arrayLength(topics)
	for from := 0; from < len(r.items); {
		to := from + 1
		for to < len(r.items) && !r.newTopic(to) {
			to++
		}
		r.encodeTopic(e, r.items[from:to])
		from = to
	}
}

func (r *response) encodeTopic(e *encoder, items []item) {
	if e.version >= firstTopicIDs {
		e.buf = append(e.buf, items[0].entry.id[:]...)
	} else {
		e.string(items[0].entry.topic)
	}
	e.arrayLength(len(items))
	for i := range items {
		r.encodePartition(e, &items[i])
	}
	e.noTags()
}

func (r *response) encodePartition(e *encoder, i *item) {
	e.int32(i.entry.partition)
	e.int16(int16(i.code))
	e.int64(int64(i.high))
	e.int64(int64(i.stable))
	if e.version >= 5 {
		e.int64(int64(i.start))
	}
	r.encodeAborted(e, i)
	if e.version >= firstRacks {
		e.int32(i.preferred())
	}
	e.region(&i.result)
	if e.flexible {
		encodePartitionTags(e, i)
	}
}

// encodeAborted writes the aborted transactions, null for clients that read what is not committed too.
func (r *response) encodeAborted(e *encoder, i *item) {
	if !r.committed || i.code != protocol.None {
		e.nullArray()
		return
	}
	e.arrayLength(len(i.aborted))
	for _, one := range i.aborted {
		e.int64(one.ProducerID)
		e.int64(int64(one.FirstOffset))
		e.noTags()
	}
}

// encodePartitionTags writes the fields that only an unusual answer carries, by ascending tag.
func encodePartitionTags(e *encoder, i *item) {
	diverges := i.divergesAt != protocol.NoLeaderEpoch
	hint := e.version >= 16 && i.leader != nil
	e.uvarint(count(diverges) + count(hint))
	if diverges {
		e.uvarint(0)
		e.uvarint(4 + 8 + 1)
		e.int32(int32(i.divergesAt))
		e.int64(int64(i.divergesEnd))
		e.noTags()
	}
	if hint {
		e.uvarint(1)
		e.uvarint(4 + 4 + 1)
		e.int32(i.leader.Node)
		e.int32(int32(i.leader.Epoch))
		e.noTags()
	}
}

// preferred returns the broker to read from, -1 for the one that was asked.
func (r *result) preferred() int32 {
	if r.nearest == nil {
		return -1
	}
	return r.nearest.ID
}

func count(present bool) int {
	if present {
		return 1
	}
	return 0
}

func (r *response) encodeEndpoints(e *encoder) {
	if !e.flexible {
		return
	}
	if e.version < 16 || len(r.endpoints) == 0 {
		e.noTags()
		return
	}
	field := encoder{version: e.version, flexible: true}
	field.arrayLength(len(r.endpoints))
	for _, endpoint := range r.endpoints {
		field.int32(endpoint.Node)
		field.string(endpoint.Host)
		field.int32(endpoint.Port)
		field.nullableString(endpoint.Rack)
		field.noTags()
	}
	e.uvarint(1)
	e.uvarint(0)
	e.uvarint(len(field.buf))
	e.buf = append(e.buf, field.buf...)
}

// encoder appends wire primitives in one version's form.
type encoder struct {
	buf      []byte
	splices  []Splice
	version  int16
	flexible bool
}

func (e *encoder) int16(v int16) { e.buf = binary.BigEndian.AppendUint16(e.buf, uint16(v)) }
func (e *encoder) int32(v int32) { e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(v)) }
func (e *encoder) int64(v int64) { e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(v)) }
func (e *encoder) uvarint(v int) { e.buf = binary.AppendUvarint(e.buf, uint64(v)) }

// noTags ends a structure that has no tagged fields.
func (e *encoder) noTags() {
	if e.flexible {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) arrayLength(n int) {
	if e.flexible {
		e.uvarint(n + 1)
	} else {
		e.int32(int32(n))
	}
}

func (e *encoder) nullArray() {
	if e.flexible {
		e.uvarint(0)
	} else {
		e.int32(-1)
	}
}

func (e *encoder) string(s string) {
	if e.flexible {
		e.uvarint(len(s) + 1)
	} else {
		e.int16(int16(min(len(s), math.MaxInt16)))
	}
	e.buf = append(e.buf, s...)
}

func (e *encoder) nullableString(s *string) {
	switch {
	case s != nil:
		e.string(*s)
	case e.flexible:
		e.uvarint(0)
	default:
		e.int16(-1)
	}
}

// region writes the length of the records and leaves their place to the file.
func (e *encoder) region(r *result) {
	length := int(r.region.Length)
	if e.flexible {
		e.uvarint(length + 1)
	} else {
		e.int32(int32(length))
	}
	if length > 0 {
		e.splices = append(e.splices, Splice{At: len(e.buf), Region: r.region})
		r.region = partitionlog.Region{}
	}
}
