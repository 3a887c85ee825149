package partitions

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/group"
)

// onRetain proposes a new log start for every replica that leads and holds more than its retention allows,
// and asks those that know producers to forget the ones that were silent for too long
// (producer.id.expiration.ms). Followers do the same when the proposal commits, so replicas never differ in
// what they have. A look costs a few loads per replica, and no message where there is nothing to remove and
// no producer.
func (a *Actor) onRetain(c *kit.Context) {
	now := c.Now().UnixMilli()
	a.options.Table.Each(func(topic *partition.Topic) bool {
		for _, replica := range topic.Replicas {
			a.retain(c, replica, now)
		}
		return true
	})
}

func (a *Actor) retain(c *kit.Context, replica *partition.Replica, now int64) {
	if replica == nil || !replica.Leadership().Ready {
		return
	}
	view := replica.View()
	if view == nil {
		return
	}
	if view.Producers() > 0 {
		before := now - a.options.ProducerExpiration.Milliseconds()
		replica.Core.Tell(group.Propose{Request: partition.ExpireProducers{Before: before}, ReplyTo: c.Self()})
	}
	start, expired := view.Expired(now, replica.Config().Log)
	if !expired {
		return
	}
	c.Log().Debug().Str("topic", replica.Topic).Int32("partition", replica.Partition).
		Int64("log_start", int64(start)).Msg("retention moves the log start")
	replica.Core.Tell(group.Propose{Request: partition.DeleteRecords{Offset: start}, ReplyTo: c.Self()})
}

// onRetained notes a refusal; the next sweep looks again.
func (a *Actor) onRetained(c *kit.Context, m group.Proposed) {
	if m.Err != nil {
		c.Log().Debug().Err(m.Err).Msg("retention could not move a log start or let producers expire")
	}
}
