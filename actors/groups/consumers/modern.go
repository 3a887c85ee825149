package consumers

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// batchBytes is how much a group of the newer protocol writes at once for several requests, about.
const batchBytes = 64 << 10

// newer is what a core needs besides for a group of the newer protocol. Requests to it are handled in
// batches: while the records of one are being committed, further ones wait, so that no answer tells of what
// may be undone and nothing is built on it.
type newer struct {
	group   *modern.Group // nil: the group is a classic one
	writing bool
	queue   []queued
	out     []batch.Record // that go before those of the group
	removes []offsets.Place
	follow  func(now time.Time) // what follows when they are committed
	back    func()              // what follows if they are not
	old     *classic.Group      // that was converted, until that is committed
}

// queued is a request that waits.
type queued struct {
	client classic.Client
	body   any
	ticket classic.Ticket
}

// Invalid returns the answer to a request that is wrong whatever the group is like, nil if it is not.
func Invalid(body any, settings *Settings) any {
	if r, is := body.(*kmsg.ConsumerGroupHeartbeatRequest); is {
		if err := modern.Check(r, &settings.Modern); err != nil {
			return modern.Refused(err)
		}
	}
	return nil
}

// isNewer tells whether a request is handled by askNewer: all that come to a group of the newer protocol, and
// those that make one.
func (c *core) isNewer(body any) bool {
	_, heartbeat := body.(*kmsg.ConsumerGroupHeartbeatRequest)
	return heartbeat || c.newer.group != nil || c.newer.writing
}

// askNewer handles a request now, or when what is being written is committed, or when it is known what the
// expression in it matches.
func (c *core) askNewer(now time.Time, client classic.Client, body any, t classic.Ticket) {
	q := queued{client, body, t}
	if expression := expressionIn(body); expression != "" && !c.knows(expression) {
		c.park(expression, q)
		return
	}
	c.newer.queue = append(c.newer.queue, q)
	c.work(now)
}

// work handles what waits, up to a batch. Its answers are held back until its records are committed.
func (c *core) work(now time.Time) {
	for len(c.newer.queue) > 0 && !c.newer.writing {
		before, size := len(c.answers), 0
		for len(c.newer.queue) > 0 && size < batchBytes && c.newer.follow == nil {
			one := c.newer.queue[0]
			c.newer.queue = c.newer.queue[1:]
			if c.ended() {
				c.answer(one.ticket, ended(one.body), nil)
				continue
			}
			c.handle(now, one)
			size += c.collect()
		}
		c.write(now, before)
	}
	if len(c.newer.queue) == 0 {
		c.newer.queue = nil
	}
}

// collect takes over the records of the group and returns how much there is.
func (c *core) collect() int {
	if c.newer.group != nil {
		c.newer.out = append(c.newer.out, c.newer.group.Take()...)
	}
	size := 0
	for i := range c.newer.out {
		size += len(c.newer.out[i].Key) + len(c.newer.out[i].Value)
	}
	return size
}

// write gives the records of a batch to the log, with the answers since before to go with them.
func (c *core) write(now time.Time, before int) {
	list, removes := c.newer.out, c.newer.removes
	c.newer.out, c.newer.removes = nil, nil
	if len(list) == 0 {
		c.settled(now, true)
		return
	}
	held := append([]answer(nil), c.answers[before:]...)
	c.answers = c.answers[:before]
	c.newer.writing = true
	c.give(change{newer: true, held: held, removes: removes}, list)
}

// settled ends a batch.
func (c *core) settled(now time.Time, committed bool) {
	follow, back := c.newer.follow, c.newer.back
	c.newer.follow, c.newer.back, c.newer.old, c.newer.writing = nil, nil, nil, false
	if c.newer.group != nil {
		c.newer.group.Settle(committed)
		c.followAll()
	}
	switch {
	case committed && follow != nil:
		follow(now)
	case !committed && back != nil:
		back()
	}
}

// newerWritten ends a batch whose records are committed or not, and goes on with what waits.
func (c *core) newerWritten(now time.Time, what change, code protocol.Code, at int64) {
	if code == protocol.None {
		c.apply(now, what, at)
	}
	c.settled(now, code == protocol.None)
	for _, one := range what.held {
		if code != protocol.None {
			one.code, one.result = codeOfSave(code), nil
		}
		c.answer(one.ticket, one.code, one.result)
	}
	c.settle()
	c.work(now)
}

// handle handles one request. A group that the request turned into a classic one handles those after it.
func (c *core) handle(now time.Time, q queued) {
	c.modernRules()
	if _, is := q.body.(lookAgain); is {
		c.lookAgain(now)
		return
	}
	if r, is := q.body.(*kmsg.ConsumerGroupHeartbeatRequest); is {
		c.answer(q.ticket, protocol.None, c.heartbeat(now, q.client, r))
		c.maybeDowngrade(now)
		return
	}
	if c.newer.group == nil {
		c.askClassic(now, q.client, q.body, q.ticket)
		return
	}
	at := c.topics()
	switch r := q.body.(type) {
	case *kmsg.JoinGroupRequest:
		c.joinNewer(now, q, r, at)
	case *kmsg.SyncGroupRequest:
		c.answer(q.ticket, protocol.None, c.newer.group.Sync(now, r, at))
	case *kmsg.HeartbeatRequest:
		response := kmsg.NewPtrHeartbeatResponse()
		response.ErrorCode = int16(c.newer.group.ClassicHeartbeat(now, r, at))
		c.answer(q.ticket, protocol.None, response)
	case *kmsg.LeaveGroupRequest:
		c.answer(q.ticket, protocol.None, c.newer.group.Leave(r, at))
	case Describe:
		c.answer(q.ticket, protocol.GroupIDNotFound, nil)
	case DescribeConsumers:
		c.answer(q.ticket, protocol.None, c.newer.group.Describe(at))
	default:
		c.askStored(now, q.body, q.ticket)
	}
	c.maybeDowngrade(now)
}

// heartbeat handles a heartbeat of the newer protocol. A classic group is converted for it if need be, and
// left as it was if the heartbeat is refused.
func (c *core) heartbeat(now time.Time, client classic.Client, r *kmsg.ConsumerGroupHeartbeatRequest,
) *kmsg.ConsumerGroupHeartbeatResponse {
	at := c.topics()
	if c.newer.group != nil {
		return c.newer.group.Heartbeat(now, client, r, at)
	}
	group, err := c.converted(now, r, at)
	if err != nil {
		return modern.Refused(err)
	}
	made := group.Take()
	response := group.Heartbeat(now, client, r, at)
	if response.ErrorCode != 0 {
		return response
	}
	old := c.classic
	old.Interrupt()
	c.settle()
	if old.Recorded() {
		c.newer.out = append(c.newer.out, records.GroupRecord(c.id, nil))
	}
	c.newer.out = append(c.newer.out, made...)
	c.newer.group, c.classic, c.newer.old = group, nil, old
	c.newer.back = func() { c.newer.group, c.classic = nil, old }
	return response
}

// joinNewer handles a JoinGroup. One to a group that nobody is in makes it a classic one.
func (c *core) joinNewer(now time.Time, q queued, r *kmsg.JoinGroupRequest, at topics) {
	session := time.Duration(r.SessionTimeoutMillis) * time.Millisecond
	switch {
	case session < c.settings.Classic.MinSession || session > c.settings.Classic.MaxSession:
		c.answer(q.ticket, protocol.InvalidSessionTimeout, nil)
	case c.newer.group.Size() > 0:
		c.answer(q.ticket, protocol.None, c.newer.group.Join(now, q.client, r, at))
	case r.MemberID != "":
		c.answer(q.ticket, protocol.UnknownMemberID, nil)
	default:
		c.newer.group.Remove()
		before := c.newer.back
		c.newer.back = func() {
			if before != nil {
				before()
			}
			c.answer(q.ticket, protocol.CoordinatorNotAvailable, nil)
		}
		c.newer.follow = func(now time.Time) {
			c.newer.group, c.classic = nil, classic.New(c.id, &c.settings.Classic, now)
			c.askClassic(now, q.client, r, q.ticket)
		}
	}
}

// converted returns the group of the newer protocol that follows a classic one which nobody is in, or whose
// members can be taken over. Only a member that joins makes it.
func (c *core) converted(now time.Time, r *kmsg.ConsumerGroupHeartbeatRequest, at topics,
) (*modern.Group, error) {
	old, rules := c.classic, c.modernRules()
	refused := protocol.Errorf(protocol.GroupIDNotFound, "Group %s is not a consumer group.", c.id)
	switch {
	case r.MemberEpoch != 0:
		return nil, refused
	case old.Size() == 0:
		return modern.New(c.id, rules), nil
	case !rules.Migration.Upgrade || !old.Consumers() || old.Size() > rules.MaxSize:
		return nil, refused
	}
	group, err := modern.Upgrade(c.id, old.Export(), rules, now, at)
	if err != nil {
		return nil, protocol.Errorf(protocol.GroupIDNotFound, "Group %s cannot be upgraded: %v.", c.id, err)
	}
	return group, nil
}

// maybeDowngrade makes a classic group out of one whose last member of the newer protocol has left.
func (c *core) maybeDowngrade(now time.Time) {
	if c.newer.group == nil || c.newer.follow != nil {
		return
	}
	down := c.newer.group.Downgraded()
	if down == nil {
		return
	}
	c.collect()
	group, record := classic.Adopt(c.id, down.Classic, &c.settings.Classic, now)
	c.newer.out = append(c.newer.out, records.GroupRecord(c.id, record))
	c.newer.follow = func(now time.Time) {
		c.newer.group, c.classic = nil, group
		if down.Rebalance {
			group.Rebalance(now)
		}
	}
}

// tickNewer lets time pass for a group of the newer protocol.
func (c *core) tickNewer(now time.Time) {
	if c.newer.writing {
		return
	}
	before := len(c.answers)
	c.newer.group.Tick(now, c.topics())
	c.maybeDowngrade(now)
	c.collect()
	c.write(now, before)
}

// endNewer writes the end of a group of the newer protocol and of its offsets.
func (c *core) endNewer(t classic.Ticket) {
	c.ending = true
	c.newer.removes = c.places(func(offsets.Place) bool { return true })
	c.newer.out = append(c.newer.out, c.tombstones(c.newer.removes)...)
	c.newer.group.Remove()
	c.newer.back = func() { c.ending = false }
	c.answer(t, protocol.None, nil)
}

// saved tells the classic group, or the one that is being converted, what became of its record.
func (c *core) saved(now time.Time, id uint64, code protocol.Code) {
	group := c.classic
	if group == nil {
		group = c.newer.old
	}
	if group != nil {
		group.Saved(now, id, code)
	}
}

// vacantNewer tells whether a group of the newer protocol is nothing but its name, or gone for good.
func (c *core) vacantNewer() bool {
	if c.newer.writing || len(c.newer.queue) > 0 {
		return false
	}
	return c.dead() || !c.newer.group.Recorded() && c.keepsNothing()
}

// checkCommit says whether offsets may be committed, and which of the items come too late.
func (c *core) checkCommit(now time.Time, r Commit) protocol.Code {
	switch {
	case c.newer.group == nil && r.Transaction == nil:
		return c.classic.CheckCommit(now, r.Generation, r.MemberID, r.InstanceID)
	case c.newer.group == nil:
		return c.classic.CheckTransactionalCommit(now, r.Generation, r.MemberID, r.InstanceID)
	case r.Transaction == nil:
		return c.newer.group.CheckCommit(r.Generation, r.MemberID, r.Version)
	case r.Generation < 0 && r.MemberID == "" && r.InstanceID == nil:
		return protocol.None
	}
	return inTransaction(c.newer.group.CheckCommit(r.Generation, r.MemberID, math.MaxInt16))
}

// inTransaction is the code that a producer is told, which knows generations alone.
func inTransaction(code protocol.Code) protocol.Code {
	if code == protocol.StaleMemberEpoch {
		return protocol.IllegalGeneration
	}
	return code
}

// late says whether a commit that checkCommit let pass comes too late for an item.
func (c *core) late(r *Commit, item *CommitItem) protocol.Code {
	if c.newer.group == nil || !c.newer.group.Late(r.Generation, r.MemberID, item.Topic, item.Partition) {
		return protocol.None
	}
	if r.Transaction != nil {
		return inTransaction(protocol.StaleMemberEpoch)
	}
	return protocol.StaleMemberEpoch
}

// checkFetch says whether offsets may be read in the name of a member. Classic groups do not ask.
func (c *core) checkFetch(r Fetch) protocol.Code {
	if c.newer.group == nil {
		return protocol.None
	}
	return c.newer.group.CheckFetch(r.MemberEpoch, r.MemberID)
}

// ended tells whether the group is gone, or about to be.
func (c *core) ended() bool { return c.ending || c.dead() }

func (c *core) dead() bool {
	if c.newer.group != nil {
		return c.newer.group.State() == modern.Dead && !c.newer.writing
	}
	return c.classic.State() == classic.Dead
}

// empty tells whether nobody is in the group.
func (c *core) empty() bool {
	if c.newer.group != nil {
		return c.newer.group.Size() == 0
	}
	return c.classic.State() == classic.Empty
}

// subscribesTo tells whether a member reads a topic, or may be reading it.
func (c *core) subscribesTo(topic string) bool {
	if c.newer.group != nil {
		return c.newer.group.SubscribesTo(topic)
	}
	return c.classic.SubscribesTo(topic)
}
