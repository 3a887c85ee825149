package partitions

import (
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/wal"
)

// announceAfter is how long news of leaders gather before they go to the other nodes: when a node fails,
// thousands of groups elect in the same few milliseconds.
const announceAfter = 2 * time.Millisecond

// Bounds of the time after which the others are asked for the leaders of partitions that seem to have none.
const (
	doubtLeast = 250 * time.Millisecond
	doubtMost  = 10 * time.Second
)

// spot is where a group belongs in the image.
type spot struct {
	topic image.TopicID
	index int32
	ready bool // as last counted
}

// count takes up the partitions of a topic that are new. Their leaders may have been announced already.
func (a *Actor) count(c *kit.Context, topic *image.Topic) {
	known := 0
	if before := a.followed[topic.ID]; before != nil {
		known = len(before.Partitions)
	}
	a.followed[topic.ID] = topic
	unready := 0
	for _, p := range topic.Partitions[min(known, len(topic.Partitions)):] {
		one := &spot{topic: topic.ID, index: p.Index, ready: a.served(a.options.Leaders.Of(p.Group))}
		a.spots[p.Group] = one
		if !one.ready {
			unready++
		}
		if known := a.options.Leaders.Of(p.Group); known.Node != partition.NoLeader {
			a.tellMoved(p.Group, known)
		}
	}
	a.awaiting.topicAdded(topic.ID, unready)
	if unready > 0 {
		a.doubtSoon(c)
	}
}

// onAwaitLeaders leaves out what is gone already: the asker knew an older image.
func (a *Actor) onAwaitLeaders(m AwaitLeaders) {
	if a.image != nil && m.Last < a.image.NextGroup() {
		m.Topics = slices.DeleteFunc(slices.Clone(m.Topics), func(id image.TopicID) bool {
			return a.image.TopicByID(id) == nil
		})
	}
	a.awaiting.add(m)
}

// discount forgets the partitions of a topic that is gone.
func (a *Actor) discount(id image.TopicID) {
	topic := a.followed[id]
	if topic == nil { // it has come and gone between two images; somebody may wait for it
		a.awaiting.topicRemoved(id)
		return
	}
	delete(a.followed, id)
	for _, p := range topic.Partitions {
		delete(a.spots, p.Group)
		delete(a.news, p.Group)
		a.options.Leaders.Forget(p.Group)
	}
	a.awaiting.topicRemoved(id)
}

// sweepLeaders forgets what was announced of groups whose partitions are gone: news may come late.
func (a *Actor) sweepLeaders() {
	if a.image == nil {
		return
	}
	a.options.Leaders.Each(func(id wal.GroupID, _ *partition.Leadership) bool {
		if a.spots[id] == nil && id < a.image.NextGroup() {
			a.options.Leaders.Forget(id)
		}
		return true
	})
}

// local returns the replica of a group on this node, nil if there is none.
func (a *Actor) local(id wal.GroupID) *partition.Replica {
	if one := a.spots[id]; one != nil {
		return a.options.Table.LookupID(one.topic, one.index)
	}
	return nil
}

// onLed takes over what a replica on this node knows.
func (a *Actor) onLed(c *kit.Context, m partition.Led) {
	one := a.hosting(m.Replica)
	if one == nil || one.leaving {
		return
	}
	a.learn(c, m.Replica.Group, m.Replica.Leadership(), a.options.NodeID)
	a.maybeComplete(c, m.Replica)
}

// resigned takes back what a replica that leaves this node said of itself.
func (a *Actor) resigned(c *kit.Context, replica *partition.Replica) {
	if l := a.options.Leaders.Of(replica.Group); l.Node == a.options.NodeID {
		none := &partition.Leadership{Node: partition.NoLeader, Epoch: l.Epoch}
		a.learn(c, replica.Group, none, a.options.NodeID)
	}
}

// learn takes over what a node says about a group, and passes it on if that is this node.
func (a *Actor) learn(c *kit.Context, id wal.GroupID, next *partition.Leadership, from int32) {
	before, changed := a.options.Leaders.Learn(id, next, from)
	if !changed {
		return
	}
	a.recount(c, id, next)
	if next.Node != before.Node || next.Epoch != before.Epoch || next.Ready != before.Ready {
		a.tellMoved(id, next)
	}
	mine := next.Node == a.options.NodeID || next.Node == partition.NoLeader && before.Node == a.options.NodeID
	if !mine || a.options.Peers == nil {
		return
	}
	if len(a.news) == 0 {
		c.After(announceAfter, announce{})
	}
	a.news[id] = struct{}{}
}

// tellMoved says who leads a partition now.
func (a *Actor) tellMoved(id wal.GroupID, l *partition.Leadership) {
	one := a.spots[id]
	if one == nil || a.options.Moved.IsZero() {
		return
	}
	if topic := a.followed[one.topic]; topic != nil {
		a.options.Moved.Tell(Moved{Topic: topic.Name, Partition: one.index, Leadership: l})
	}
}

// recount tells those who wait for leaders when a partition gets or loses its own.
func (a *Actor) recount(c *kit.Context, id wal.GroupID, l *partition.Leadership) {
	one := a.spots[id]
	if one == nil {
		return
	}
	was := one.ready
	one.ready = a.served(l)
	a.awaiting.led(one.topic, was, one.ready)
	if !one.ready {
		a.doubtSoon(c)
	}
}

// served tells whether a partition has a leader that accepts appends and can be reached.
func (a *Actor) served(l *partition.Leadership) bool { return l.Ready && a.alive(l.Node) }

func (a *Actor) alive(node int32) bool {
	return node == a.options.NodeID || a.options.Peers != nil && a.options.Peers.Alive(node)
}

// onAnnounce sends the news that have gathered to all nodes. One that is down gets everything when it is up.
func (a *Actor) onAnnounce() {
	changes := make([]leadershipChange, 0, len(a.news))
	for id := range kit.InOrder(a.news) {
		if change, tell := changeOf(id, a.options.Leaders.Of(id), a.options.NodeID); tell {
			changes = append(changes, change)
		}
	}
	clear(a.news)
	for _, body := range encodeAll(changes, false) {
		for _, node := range a.options.Peers.Nodes() {
			a.options.Peers.Link(node).Tell(link.Notice{Service: link.ServiceLeaders, Body: body})
		}
	}
}

// onUp tells a node all that is led here, since nothing that was said before has to have arrived, and asks it
// for the same: it may have told before this manager was there to hear.
func (a *Actor) onUp(c *kit.Context, m link.Up) {
	a.exchange(m.Node)
	a.ask(m.Node)
	a.recountLed(c, m.Node)
}

func (a *Actor) onDown(c *kit.Context, m link.Down) { a.recountLed(c, m.Node) }

// exchange tells a node of all partitions that are led here.
func (a *Actor) exchange(node int32) {
	var changes []leadershipChange
	a.options.Leaders.Each(func(id wal.GroupID, l *partition.Leadership) bool {
		if change, tell := changeOf(id, l, a.options.NodeID); tell && change.leads {
			changes = append(changes, change)
		}
		return true
	})
	for _, body := range encodeAll(changes, true) {
		a.options.Peers.Link(node).Tell(link.Notice{Service: link.ServiceLeaders, Body: body})
	}
}

// ask asks a node for an exchange.
func (a *Actor) ask(node int32) {
	question := announcement{ask: true}
	a.options.Peers.Link(node).Tell(link.Notice{Service: link.ServiceLeaders, Body: question.encode()})
}

// doubtSoon has the others asked if a partition is still without a leader after a while. Announcements are
// not acknowledged, and one that was lost would otherwise be missed until the leadership changes again.
func (a *Actor) doubtSoon(c *kit.Context) {
	if a.options.Peers == nil || a.doubting {
		return
	}
	a.doubting = true
	c.After(a.patience(), doubt{})
}

// patience grows while nobody knows more, from doubtLeast to doubtMost.
func (a *Actor) patience() time.Duration {
	a.doubtAfter = min(max(2*a.doubtAfter, doubtLeast), doubtMost)
	return a.doubtAfter
}

func (a *Actor) onDoubt(c *kit.Context) {
	a.doubting = false
	if !a.awaiting.any() {
		a.doubtAfter = 0
		return
	}
	for _, node := range a.options.Peers.Nodes() {
		a.ask(node)
	}
	a.doubtSoon(c)
}

// recountLed counts what a node leads again: it has gone, or come back.
func (a *Actor) recountLed(c *kit.Context, node int32) {
	a.options.Leaders.Each(func(id wal.GroupID, l *partition.Leadership) bool {
		if l.Node == node {
			a.recount(c, id, l)
		}
		return true
	})
}

// onNoticed takes over what another node announces. At the end of an exchange it does not lead any more what
// it did not mention: it has been away, or stopped, and nobody was told.
func (a *Actor) onNoticed(c *kit.Context, m link.Noticed) {
	news, err := decodeAnnouncement(m.Body)
	if err != nil {
		c.Log().Warn().Err(err).Int32("peer", m.From).Msg("announcement of a peer is not understood")
		return
	}
	if news.ask {
		a.exchange(m.From)
	}
	if news.first {
		a.exchanges[m.From] = make(map[wal.GroupID]struct{}, len(news.changes))
	}
	exchange := a.exchanges[m.From]
	for i := range news.changes {
		change := &news.changes[i]
		if exchange != nil {
			exchange[change.group] = struct{}{}
		}
		a.learn(c, change.group, change.leadership(m.From), m.From)
	}
	if news.last && exchange != nil {
		delete(a.exchanges, m.From)
		a.dropUnmentioned(c, m.From, exchange)
	}
}

func (a *Actor) dropUnmentioned(c *kit.Context, node int32, mentioned map[wal.GroupID]struct{}) {
	a.options.Leaders.Each(func(id wal.GroupID, l *partition.Leadership) bool {
		if _, told := mentioned[id]; l.Node == node && !told {
			a.learn(c, id, &partition.Leadership{Node: partition.NoLeader, Epoch: l.Epoch}, node)
		}
		return true
	})
}
