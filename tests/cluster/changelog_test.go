package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/tests/cluster/lab"
)

// changelog is what is known of a topic that keeps the last value of each key. Keys are numbers, and belong
// to the partition that is the rest of their division.
type changelog struct {
	mu    sync.Mutex
	last  []update // by key
	acked int64
	err   error
}

// update is the last one of a key. The zero value says that there was none.
type update struct {
	number    int64 // of all updates, from 1
	offset    int64 // once it is acknowledged
	tombstone bool
}

// sealKey is the key of records that are not part of what is checked.
const sealKey = "seal"

// One update of so many removes its key. Values have up to so many bytes beside their number.
const tombstoneOneIn, longestFilling = 20, 60

func newChangelog(keys int) *changelog { return &changelog{last: make([]update, keys)} }

// write sends updates of random keys, as many as it is told to, until there are no more. The client holds it up
// when too many are not acknowledged.
func (l *changelog) write(client *kgo.Client, shares <-chan int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	number := int64(0)
	for share := range shares {
		for range share {
			number++
			if !l.send(client, number, random) {
				return
			}
		}
	}
}

// send sends one update, unless an earlier one has failed.
func (l *changelog) send(client *kgo.Client, number int64, random *rand.Rand) bool {
	key := random.IntN(len(l.last))
	u := update{number: number, offset: -1, tombstone: random.IntN(tombstoneOneIn) == 0}
	l.mu.Lock()
	l.last[key] = u
	failed := l.err != nil
	l.mu.Unlock()
	if failed {
		return false
	}
	record := &kgo.Record{
		Partition: int32(key % changePartitions), Key: binary.BigEndian.AppendUint32(nil, uint32(key)),
	}
	if !u.tombstone {
		record.Value = binary.BigEndian.AppendUint64(nil, uint64(number))
		record.Value = append(record.Value, make([]byte, random.IntN(longestFilling))...)
	}
	client.Produce(context.Background(), record, func(r *kgo.Record, err error) { l.ack(key, number, r.Offset, err) })
	return true
}

func (l *changelog) ack(key int, number, offset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acked++; err != nil {
		l.err = fmt.Errorf("update %d of key %d: %w", number, key, err)
	}
	if l.last[key].number == number {
		l.last[key].offset = offset
	}
}

// sealed takes note of a record that is not part of what is checked.
func (l *changelog) sealed(_ *kgo.Record, err error) {
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.err = fmt.Errorf("seal: %w", err)
	}
}

func (l *changelog) problem() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// await returns when so many updates are acknowledged.
func (l *changelog) await(c *lab.Cluster, count int64) {
	c.Until(10*lab.Patience, fmt.Sprintf("%d updates", count), func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err == nil && l.acked < count {
			return fmt.Errorf("%d are acknowledged", l.acked)
		}
		return nil
	})
}

// content is what one replica serves of one partition.
type content struct {
	values, tombstones int
	sum                [sha256.Size]byte // over keys and values in their order, without tombstones
}

// upToNames is the last version of Fetch that names topics.
const upToNames = 12

// read fetches a partition up to an offset from one node, whether it leads or not, and says what is not as it
// should be. Tombstones may be gone, but none may stand that is not the last of its key.
func (l *changelog) read(ctx context.Context, n *lab.Node, partition int32, end int64) (content, error) {
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.Fetch), upToNames)
	client, err := kgo.NewClient(kgo.SeedBrokers(n.Kafka), kgo.MaxVersions(versions))
	if err != nil {
		return content{}, err
	}
	defer client.Close()
	check := &lastValues{changelog: l, partition: partition}
	hash := sha256.New()
	for next := int64(0); next < end; {
		data, err := fetchFrom(ctx, client, partition, next)
		if err != nil {
			return content{}, fmt.Errorf("fetch from %d: %w", next, err)
		}
		before := next
		for len(data) >= batch.HeaderSize && batch.Batch(data).Size() <= len(data) {
			b := batch.Batch(data)[:batch.Batch(data).Size()]
			data, next = data[len(b):], int64(b.NextOffset())
			err := b.Records(func(r batch.Record) bool {
				if check.next(r) && r.Value != nil {
					_, _ = hash.Write(r.Key)   // never fails
					_, _ = hash.Write(r.Value) // never fails
				}
				return check.wrong == nil
			})
			if err != nil || check.wrong != nil {
				return content{}, errors.Join(check.wrong, err)
			}
		}
		if next == before {
			return content{}, fmt.Errorf("nothing comes from %d on, the end is %d", next, end)
		}
	}
	check.content.sum = [sha256.Size]byte(hash.Sum(nil))
	return check.content, check.complete()
}

// fetchFrom asks the one node that a client knows for what stands from an offset on. It names a rack, as
// clients do that a leader sends to a follower; there is no node in that rack that it could be sent to.
func fetchFrom(ctx context.Context, client *kgo.Client, partition int32, offset int64) ([]byte, error) {
	one := kmsg.NewFetchRequestTopicPartition()
	one.Partition, one.FetchOffset, one.PartitionMaxBytes = partition, offset, 8<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = changes, append(topic.Partitions, one)
	request := kmsg.NewPtrFetchRequest()
	request.MinBytes, request.MaxWaitMillis, request.MaxBytes, request.Rack = 1, 1000, 16<<20, "elsewhere"
	request.Topics = append(request.Topics, topic)
	answer, err := client.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return nil, err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("an answer about %d topics", len(response.Topics))
	}
	p := response.Topics[0].Partitions[0]
	return p.RecordBatches, kerr.ErrorForCode(p.ErrorCode)
}

// lastValues checks the records of one partition in their order.
type lastValues struct {
	*changelog
	partition int32
	content   content
	wrong     error
}

// next checks a record and tells whether it counts.
func (v *lastValues) next(r batch.Record) bool {
	if string(r.Key) == sealKey {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	key := int(binary.BigEndian.Uint32(r.Key))
	last := v.last[key]
	switch {
	case int64(r.Offset) != last.offset:
		v.wrong = fmt.Errorf("key %d: a record at %d, the last one is at %d", key, r.Offset, last.offset)
	case last.tombstone != (r.Value == nil):
		v.wrong = fmt.Errorf("key %d at %d: tombstone %t, want %t", key, r.Offset, r.Value == nil, last.tombstone)
	case last.tombstone:
		v.content.tombstones++
	case int64(binary.BigEndian.Uint64(r.Value)) != last.number:
		v.wrong = fmt.Errorf("key %d at %d: got update %d, want %d", key, r.Offset,
			binary.BigEndian.Uint64(r.Value), last.number)
	default:
		v.content.values++
	}
	return v.wrong == nil
}

// complete tells whether each key that has a value was there. None can have come twice, as each stands at one
// offset.
func (v *lastValues) complete() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	want := 0
	for key, last := range v.last {
		if int32(key%changePartitions) == v.partition && last.number > 0 && !last.tombstone {
			want++
		}
	}
	if v.content.values != want {
		return fmt.Errorf("%d keys have a value, want %d", v.content.values, want)
	}
	return nil
}
