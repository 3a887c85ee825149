package partitions

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/storage/wal"
)

// maxAwaiting bounds those who wait for leaders. One more is answered at once and reports what it finds.
const maxAwaiting = 10_000

// await is one asker and the topics that are not ready yet.
type await struct {
	missing map[image.TopicID]struct{}
	last    wal.GroupID // an image that knows this group has, or had, all of them
	replyTo kit.Address
	token   uint64
}

// awaiting is the list of those who wait for leaders. It knows no actor.
//
// unready counts, for every topic, the partitions without a ready leader on any node, so that a change
// of one partition costs the same whether its topic has one partition or ten thousand.
type awaiting struct {
	unready map[image.TopicID]int
	list    []*await
}

// topicAdded counts more partitions of a topic, of which so many have no leader yet.
func (a *awaiting) topicAdded(id image.TopicID, unready int) {
	if a.unready == nil {
		a.unready = make(map[image.TopicID]int)
	}
	a.unready[id] += unready
	a.settle(id)
}

// topicRemoved forgets a topic; nobody waits for it any more.
func (a *awaiting) topicRemoved(id image.TopicID) {
	delete(a.unready, id)
	a.settled(id)
}

// led counts a change of one partition.
func (a *awaiting) led(id image.TopicID, wasReady, ready bool) {
	if _, known := a.unready[id]; !known || wasReady == ready {
		return
	}
	if ready {
		a.unready[id]--
	} else {
		a.unready[id]++
	}
	a.settle(id)
}

// any tells whether some partition has no ready leader.
func (a *awaiting) any() bool {
	for _, count := range a.unready {
		if count > 0 {
			return true
		}
	}
	return false
}

// add registers an asker, or answers at once what is ready already.
func (a *awaiting) add(m AwaitLeaders) {
	one := &await{
		missing: make(map[image.TopicID]struct{}, len(m.Topics)), last: m.Last, replyTo: m.ReplyTo, token: m.Token,
	}
	for _, id := range m.Topics {
		if count, known := a.unready[id]; !known || count > 0 {
			one.missing[id] = struct{}{}
		}
	}
	if len(one.missing) == 0 || len(a.list) >= maxAwaiting {
		m.ReplyTo.Tell(LeadersReady{Token: m.Token})
		return
	}
	a.list = append(a.list, one)
}

// seen leaves out what is not in a whole image and was in an older one: nobody tells of its end.
func (a *awaiting) seen(i *image.Image) {
	var gone []image.TopicID
	for _, one := range a.list {
		for id := range one.missing {
			if one.last < i.NextGroup() && i.TopicByID(id) == nil {
				gone = append(gone, id)
			}
		}
	}
	for _, id := range gone {
		a.settled(id)
	}
}

// stop answers all who wait, but for the one whose message made the manager fail: kit has answered it.
func (a *awaiting) stop(failed any) {
	culprit, _ := failed.(AwaitLeaders)
	for _, one := range a.list {
		if one.token != culprit.Token || !one.replyTo.Equal(culprit.ReplyTo) {
			one.replyTo.Tell(LeadersReady{Token: one.token})
		}
	}
	a.list = nil
}

// settle answers those whose last missing topic this was.
func (a *awaiting) settle(id image.TopicID) {
	if count, known := a.unready[id]; known && count == 0 {
		a.settled(id)
	}
}

func (a *awaiting) settled(id image.TopicID) {
	kept := a.list[:0]
	for _, one := range a.list {
		delete(one.missing, id)
		if len(one.missing) > 0 {
			kept = append(kept, one)
			continue
		}
		one.replyTo.Tell(LeadersReady{Token: one.token})
	}
	clear(a.list[len(kept):])
	a.list = kept
}
