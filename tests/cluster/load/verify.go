package load

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/topics"
)

// Verify reads the topic from its beginning through one node and compares it with the books of all loads that
// wrote to it: every acknowledged record stands at its offset with its bytes, and the records of each
// producer stand in their order, without a gap and none twice. Call it when no load runs.
func Verify(ctx context.Context, seed string, loads ...*Load) error {
	options := loads[0].options
	client, err := kgo.NewClient(append(options.Impatient(seed), kgo.FetchMaxWait(fetchWait))...)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := topics.Offsets(ctx, client, options.Topic, options.Partitions, topics.Latest)
	if err != nil {
		return err
	}
	left, from := int64(0), make(map[int32]kgo.Offset)
	for p, end := range ends {
		left += end
		from[int32(p)] = kgo.NewOffset().At(0)
	}
	check := newCheck(options.Partitions, loads)
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{options.Topic: from})
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("fetch %s-%d: %w, %d records are missing",
				options.Topic, errs[0].Partition, errs[0].Err, left)
		}
		for records := fetches.RecordIter(); !records.Done(); left-- {
			if err := check.next(records.Next()); err != nil {
				return err
			}
		}
	}
	return check.complete()
}

// check compares what is read with the books.
type check struct {
	offsets []int64              // next one to come, by partition
	seqs    []map[uint32]int64   // next one to come, by partition and producer
	acked   []map[int64]identity // by partition and offset; what was seen is taken out
}

func newCheck(partitions int32, loads []*Load) *check {
	c := &check{offsets: make([]int64, partitions)}
	for p := range partitions {
		acked := make(map[int64]identity)
		for _, l := range loads {
			maps.Copy(acked, l.book.acked[p])
		}
		c.acked, c.seqs = append(c.acked, acked), append(c.seqs, make(map[uint32]int64))
	}
	return c
}

// next takes the next record of a partition.
func (c *check) next(r *kgo.Record) error {
	if want := c.offsets[r.Partition]; r.Offset != want {
		return fmt.Errorf("partition %d: got offset %d, want %d", r.Partition, r.Offset, want)
	}
	c.offsets[r.Partition]++
	id, err := parse(r.Value, r.Partition)
	if err != nil {
		return fmt.Errorf("partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	if want := c.seqs[r.Partition][id.producer]; id.seq != want {
		return fmt.Errorf("partition %d offset %d: producer %d: got its record %d, want %d",
			r.Partition, r.Offset, id.producer, id.seq, want)
	}
	c.seqs[r.Partition][id.producer]++
	if acked, found := c.acked[r.Partition][r.Offset]; found && acked != id {
		return fmt.Errorf("partition %d offset %d: got %+v, but %+v was acknowledged",
			r.Partition, r.Offset, id, acked)
	}
	delete(c.acked[r.Partition], r.Offset)
	return nil
}

// complete tells whether everything that was acknowledged has come.
func (c *check) complete() error {
	for p, missing := range c.acked {
		if len(missing) > 0 {
			first := slices.Min(slices.Collect(maps.Keys(missing)))
			return fmt.Errorf("partition %d ends at %d, and %d acknowledged records are lost, the first %+v at %d",
				p, c.offsets[p], len(missing), missing[first], first)
		}
	}
	return nil
}
