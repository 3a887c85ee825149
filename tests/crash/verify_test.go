package crash

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/topics"
)

// content is what the partitions hold, by offset.
type content [partitions][]identity

// readOn appends to c what the partitions hold behind it and returns when their present ends are reached.
func (c *content) readOn(ctx context.Context, address string) error {
	client, err := kgo.NewClient(impatient(address)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := topics.Offsets(ctx, client, topic, partitions, topics.Latest)
	if err != nil {
		return err
	}
	left := int64(0)
	from := make(map[int32]kgo.Offset)
	for p, end := range ends {
		from[int32(p)] = kgo.NewOffset().At(int64(len(c[p])))
		left += end - int64(len(c[p]))
	}
	if left == 0 {
		return nil
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return fmt.Errorf("fetch partition %d: %w, %d records are missing", errs[0].Partition, errs[0].Err, left)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			reached, err := c.add(r)
			if err != nil {
				return err
			}
			if reached <= ends[r.Partition] {
				left--
			}
		}
	}
	return nil
}

// add takes the next record of a partition and returns the offset behind it.
func (c *content) add(r *kgo.Record) (int64, error) {
	if want := int64(len(c[r.Partition])); r.Offset != want {
		return 0, fmt.Errorf("partition %d: got offset %d, want %d", r.Partition, r.Offset, want)
	}
	id, err := parse(r.Value, r.Partition)
	if err != nil {
		return 0, fmt.Errorf("partition %d offset %d: %w", r.Partition, r.Offset, err)
	}
	c[r.Partition] = append(c[r.Partition], id)
	return r.Offset + 1, nil
}

// checkOrder tells whether the records of every producer are in order: without a gap or a repetition those of
// idempotent producers, and ascending where they stand first those of the others, which may repeat records or
// give one up.
func (c *content) checkOrder() error {
	for p := range c {
		next, seen := make(map[uint32]int64), make(map[identity]bool)
		for offset, id := range c[p] {
			plain, want := id.producer >= idempotents, next[id.producer]
			switch {
			case id.seq == want, plain && id.seq > want && !seen[id]:
				next[id.producer] = id.seq + 1
			case plain && seen[id]: // repeated by a retry
			default:
				return fmt.Errorf("partition %d offset %d: producer %d: got its record %d, want %d",
					p, offset, id.producer, id.seq, want)
			}
			if plain {
				seen[id] = true
			}
		}
	}
	return nil
}

// repetitions counts the records that stand more than once.
func (c *content) repetitions() int {
	count := 0
	for p := range c {
		seen := make(map[identity]bool, len(c[p]))
		for _, id := range c[p] {
			if seen[id] {
				count++
			}
			seen[id] = true
		}
	}
	return count
}
