package pull

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit/planted"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// headBytes stand in front of the body of a response: size, correlation id and no tagged fields.
const headBytes = 4 + 4 + 1

// decode takes a reply apart and releases it.
func decode(frame fetch.Frame, ask Fetch) Fetched {
	failed := func(err error) Fetched {
		return Fetched{Next: ask.Offset, HighWatermark: -1, LogStart: -1, Err: err}
	}
	data, err := gather(frame)
	if err != nil {
		return failed(err)
	}
	response := kmsg.NewPtrFetchResponse()
	response.Version = version
	if err := response.ReadFrom(data[headBytes:]); err != nil {
		return failed(fmt.Errorf("decode the reply to a fetch: %w", err))
	}
	if code := protocol.Code(response.ErrorCode); code != protocol.None {
		return failed(protocol.Errorf(code, ""))
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return failed(protocol.Errorf(protocol.UnknownTopicOrPartition, ""))
	}
	p := &response.Topics[0].Partitions[0]
	if code := protocol.Code(p.ErrorCode); code != protocol.None {
		return failed(protocol.Errorf(code, ""))
	}
	got := Fetched{Next: ask.Offset, HighWatermark: p.HighWatermark, LogStart: p.LogStartOffset}
	r := reading{ask: &ask, got: &got}
	if ask.Committed {
		r.aborted = p.AbortedTransactions // in the order of their markers
		if !planted.MarkerOrder {
			slices.SortFunc(r.aborted, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
				return cmp.Compare(a.FirstOffset, b.FirstOffset)
			})
		}
	}
	got.Err = r.batches(p.RecordBatches)
	return got
}

// gather returns the bytes of a frame, with what is in files read.
func gather(frame fetch.Frame) ([]byte, error) {
	defer frame.Release()
	data := make([]byte, 0, frame.Size())
	from := 0
	for i := range frame.Splices {
		splice := &frame.Splices[i]
		data = append(data, frame.Bytes[from:splice.At]...)
		from = splice.At
		at := len(data)
		data = data[:at+int(splice.Region.Length)]
		if n, err := splice.Region.ReadAt(data[at:], 0); n < int(splice.Region.Length) {
			return nil, fmt.Errorf("read segment: %w", err)
		}
	}
	return append(data, frame.Bytes[from:]...), nil
}

// reading is the way through the batches of one reply.
type reading struct {
	ask     *Fetch
	got     *Fetched
	aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction // ascending, those to come
	dead    map[int64]struct{}                                   // producers in a transaction that was aborted
}

func (r *reading) batches(data []byte) error {
	for len(data) > 0 {
		b, rest, err := batch.Split(data)
		if err != nil {
			return fmt.Errorf("take batches apart at offset %d: %w", r.got.Next, err)
		}
		if b == nil && !planted.CutReply {
			return nil // the reply has as many bytes as were asked for, and ends in the middle of a batch
		}
		data = rest
		if r.visible(b) {
			if err := b.Records(r.take); err != nil {
				return err
			}
		}
		r.got.Next = max(r.got.Next, int64(b.NextOffset()))
	}
	return nil
}

// visible leaves out markers and, for who reads committed records only, what belongs to aborted transactions:
// from the first offset of one to its marker, of that producer.
func (r *reading) visible(b batch.Batch) bool {
	for len(r.aborted) > 0 && r.aborted[0].FirstOffset <= int64(b.LastOffset()) {
		if r.dead == nil {
			r.dead = make(map[int64]struct{})
		}
		r.dead[r.aborted[0].ProducerID] = struct{}{}
		r.aborted = r.aborted[1:]
	}
	if b.IsControl() {
		delete(r.dead, b.ProducerID())
		return false
	}
	_, dead := r.dead[b.ProducerID()]
	return !dead || !b.IsTransactional()
}

// take copies a record that was asked for: a batch may begin before the offset.
func (r *reading) take(from batch.Record) bool {
	if int64(from.Offset) < r.ask.Offset {
		return true
	}
	one := Record{
		Offset: int64(from.Offset), Timestamp: time.UnixMilli(from.Timestamp),
		Key: bytes.Clone(from.Key), Value: bytes.Clone(from.Value),
	}
	for _, h := range from.Headers {
		one.Headers = append(one.Headers, Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	r.got.Records = append(r.got.Records, one)
	return true
}
