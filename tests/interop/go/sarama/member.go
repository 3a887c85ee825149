package sarama

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"interop/member"
)

// Member implements member.Join, with sarama's range strategy, which gives up everything at each rebalance.
func Member(ctx context.Context, settings member.Settings, teller *member.Teller) error {
	options := config()
	options.Consumer.Offsets.Initial = sarama.OffsetOldest
	options.Consumer.Offsets.AutoCommit.Enable = false
	options.Consumer.Group.Session.Timeout = settings.Session
	options.Consumer.Group.Heartbeat.Interval = member.Heartbeat
	client, err := sarama.NewClient(settings.Seeds, options)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	group, err := sarama.NewConsumerGroupFromClient(settings.Group, client)
	if err != nil {
		return err
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for err := range group.Errors() {
			teller.Refused(err)
		}
	}()
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	reader := &reader{topic: settings.Topic, group: settings.Group, teller: teller, admin: admin}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{settings.Topic}, reader); err != nil {
			teller.Refused(err)
		}
	}
	err = group.Close()
	<-told
	return err
}

// reader implements sarama.ConsumerGroupHandler.
type reader struct {
	topic, group string
	teller       *member.Teller
	admin        sarama.ClusterAdmin
}

// Setup implements sarama.ConsumerGroupHandler.
func (r *reader) Setup(session sarama.ConsumerGroupSession) error {
	r.teller.Assigned(session.Claims()[r.topic])
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (r *reader) Cleanup(session sarama.ConsumerGroupSession) error {
	r.teller.Revoked(session.Claims()[r.topic])
	return nil
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			next := r.teller.Records(drain(message, claim))[claim.Partition()]
			if err := r.commit(session, claim.Partition(), next); err != nil {
				r.teller.Refused(err)
			}
		}
	}
}

// drain takes what lies ready.
func drain(message *sarama.ConsumerMessage, claim sarama.ConsumerGroupClaim) []member.Record {
	var records []member.Record
	for message != nil {
		records = append(records, member.Record{Partition: message.Partition, Offset: message.Offset, Value: message.Value})
		select {
		case message = <-claim.Messages():
		default:
			message = nil
		}
	}
	return records
}

// commit asks the broker what it holds afterwards: sarama does not tell whether a commit succeeded.
func (r *reader) commit(session sarama.ConsumerGroupSession, partition int32, next int64) error {
	r.teller.Commit(map[int32]int64{partition: next})
	session.MarkOffset(r.topic, partition, next, "")
	session.Commit()
	held, err := r.admin.ListConsumerGroupOffsets(r.group, map[string][]int32{r.topic: {partition}})
	if err != nil {
		return err
	}
	block := held.GetBlock(r.topic, partition)
	if block == nil || block.Err != sarama.ErrNoError {
		return fmt.Errorf("offset of partition %d: %+v", partition, block)
	}
	if block.Offset >= 0 {
		r.teller.Committed(map[int32]int64{partition: block.Offset})
	}
	return nil
}
