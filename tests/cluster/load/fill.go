package load

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchWait is how long a broker may wait for more when everything has been read.
const fetchWait = 100 * time.Millisecond

// A fill is made of records of this size in batches of a few.
const fillBytes, batchBytes = 64 << 10, 1 << 20

// Fill writes so many bytes, spread evenly over the partitions of a topic, as fast as the cluster takes them.
func Fill(ctx context.Context, options Options, bytes int64) error {
	client, err := kgo.NewClient(append(options.Impatient(options.Seeds[0]),
		kgo.DefaultProduceTopic(options.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(batchBytes),
		kgo.MaxBufferedBytes(64<<20), kgo.MaxBufferedRecords(1<<20))...)
	if err != nil {
		return err
	}
	defer client.Close()
	failed := make(chan error, 1)
	for sent := int64(0); sent*fillBytes < bytes; sent++ {
		partition := int32(sent) % options.Partitions
		// Distinct content: the replicas are compared afterwards.
		record := &kgo.Record{Partition: partition, Value: value(identity{^uint32(0), sent}, partition, fillBytes)}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("fill %s: %w", options.Topic, err)
	default:
		return nil
	}
}
