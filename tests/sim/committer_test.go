package sim

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// coordinated finds the coordinator of a key and asks it.
type coordinated struct {
	caller
	kind int8 // 0: of a group, 1: of a transactional id
	key  string
	at   int32 // who coordinates; 0: to be found
}

// toCoordinator asks the coordinator. The answer has errors of finding it, too.
func (c *coordinated) toCoordinator(body kmsg.Request, answer func(kmsg.Response, error)) {
	if c.at != 0 {
		c.request(c.at, body, answer)
		return
	}
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.CoordinatorType, r.CoordinatorKeys = c.kind, []string{c.key}
	r.SetVersion(4)
	c.request(c.anyNode(), r, func(found kmsg.Response, err error) {
		if err == nil {
			one := found.(*kmsg.FindCoordinatorResponse).Coordinators[0]
			if err = coded(one.ErrorCode); err == nil {
				c.at = one.NodeID
			}
		}
		if err != nil {
			answer(nil, err)
			return
		}
		c.request(c.at, body, answer)
	})
}

// committer commits offsets of a group that grow, and looks whether they are there.
type committer struct {
	coordinated
	acked int64 // the last that was acknowledged; -1: none
	tried int64 // the last that was sent
	open  bool
}

func newCommitter(w *world, i int) client {
	name := fmt.Sprintf("group-%d", i)
	return &committer{coordinated: coordinated{caller: caller{world: w, name: name}, key: name}, acked: -1, tried: -1}
}

func (c *committer) begin() {
	s := c.world.scheduler
	s.after(s.about(4*time.Second), func() {
		switch {
		case c.over:
			return
		case s.chance(0.4):
			c.look(c.begin)
		default:
			c.commit()
		}
	})
}

func (c *committer) commit() {
	c.tried++
	offset := c.tried
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = c.key, -1
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = topicName
	one := kmsg.NewOffsetCommitRequestTopicPartition()
	one.Offset = offset
	topic.Partitions = append(topic.Partitions, one)
	r.Topics = append(r.Topics, topic)
	r.SetVersion(8)
	c.open = true
	c.toCoordinator(r, func(body kmsg.Response, err error) {
		c.open = false
		if err == nil {
			err = coded(body.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
		}
		if err != nil {
			c.at = 0
		} else {
			c.acked = offset
			c.world.ledger.counts.commits++
		}
		c.begin()
	})
}

// look fetches the offset: it has to be what was acknowledged last, or something that was sent after it.
func (c *committer) look(then func()) {
	r := kmsg.NewPtrOffsetFetchRequest()
	r.Group, r.RequireStable = c.key, true
	topic := kmsg.NewOffsetFetchRequestTopic()
	topic.Topic, topic.Partitions = topicName, []int32{0}
	r.Topics = append(r.Topics, topic)
	r.SetVersion(7)
	acked := c.acked
	c.open = true
	c.toCoordinator(r, func(body kmsg.Response, err error) {
		c.open = false
		if err == nil {
			m := body.(*kmsg.OffsetFetchResponse)
			if err = coded(m.ErrorCode); err == nil {
				got := m.Topics[0].Partitions[0].Offset
				c.world.ledger.counts.offsets++
				if got < acked || got > c.tried {
					c.world.violate("%s: offset %d is committed, want one from %d to %d", c.name, got, acked, c.tried)
				}
				then()
				return
			}
		}
		c.at = 0
		c.again(func() { c.look(then) })
	})
}

func (c *committer) done() bool { return !c.open }

func (c *committer) waits() string { return c.name + " waits for an answer" }
