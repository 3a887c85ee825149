package franz

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"interop/member"
)

// Member implements member.Join. Its balancer is cooperative-sticky: partitions that stay are read on.
func Member(ctx context.Context, settings member.Settings, teller *member.Teller) error {
	own := func(tell func([]int32)) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, changed map[string][]int32) {
			if partitions := changed[settings.Topic]; len(partitions) > 0 {
				tell(partitions)
			}
		}
	}
	options := []kgo.Opt{kgo.SeedBrokers(settings.Seeds...),
		kgo.ConsumerGroup(settings.Group), kgo.ConsumeTopics(settings.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(settings.Session), kgo.HeartbeatInterval(member.Heartbeat), kgo.FetchMaxWait(member.Wait),
		kgo.OnPartitionsAssigned(own(teller.Assigned)), kgo.OnPartitionsRevoked(own(teller.Revoked)),
		kgo.OnPartitionsLost(own(teller.Revoked))}
	if settings.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		step(ctx, client, settings.Topic, teller)
	}
	client.CloseAllowingRebalance()
	return nil
}

// step reads what there is and commits it; the group changes only between two steps.
func step(ctx context.Context, client *kgo.Client, topic string, teller *member.Teller) {
	defer client.AllowRebalance()
	var records []member.Record
	client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
		records = append(records, member.Record{Partition: r.Partition, Offset: r.Offset, Value: r.Value})
	})
	if len(records) == 0 {
		return
	}
	slices.SortStableFunc(records, func(x, y member.Record) int { return int(x.Partition - y.Partition) })
	next := teller.Records(records)
	offsets := make(map[int32]kgo.EpochOffset)
	for partition, offset := range next {
		offsets[partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
	}
	teller.Commit(next)
	client.CommitOffsetsSync(context.Background(), map[string]map[int32]kgo.EpochOffset{topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			tellCommitted(teller, next, resp, err)
		})
}

func tellCommitted(teller *member.Teller, next map[int32]int64, resp *kmsg.OffsetCommitResponse, err error) {
	if err != nil {
		teller.Refused(err)
		return
	}
	acknowledged := make(map[int32]int64)
	for _, topic := range resp.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				teller.Refused(err)
				continue
			}
			acknowledged[partition.Partition] = next[partition.Partition]
		}
	}
	teller.Committed(acknowledged)
}
