package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/brokers"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// markersVersion is the version of WriteTxnMarkers that is sent. markersTimeout bounds one request.
const (
	markersVersion = 2
	markersTimeout = 10 * time.Second
)

// route finds out where markers go.
func (a *Actor) route(c *kit.Context, items []*item) {
	for _, one := range a.marking.route(c.Now(), items, a.options.Leader) {
		a.check(c, one.place)
	}
}

// check asks the controller whether there is a partition that this node does not know, by the validation of a
// request for it: nothing is made. There is one question about a topic at a time.
func (a *Actor) check(c *kit.Context, place transaction.Place) {
	if a.marking.checking[place.Topic] {
		return
	}
	a.marking.last++
	a.marking.checking[place.Topic] = true
	a.marking.checks[a.marking.last] = place
	a.options.Metadata.Tell(metadata.Submit{
		Request: controller.CreatePartitions{Topic: place.Topic, Count: place.Partition + 1, ValidateOnly: true},
		Timeout: markersTimeout, ReplyTo: c.Self(), Token: a.marking.last,
	})
}

// onSubmitted takes the controller's word. A partition that could be made is none yet; that it is there
// already is told by INVALID_PARTITIONS, and then this node is behind.
func (a *Actor) onSubmitted(c *kit.Context, m metadata.Submitted) {
	place, open := a.marking.checks[m.Token]
	if !open {
		return
	}
	delete(a.marking.checks, m.Token)
	delete(a.marking.checking, place.Topic)
	code := protocol.None
	if m.Err != nil {
		code = protocol.CodeOf(m.Err)
	}
	topicGone := code == protocol.UnknownTopicOrPartition
	if code != protocol.None && !topicGone {
		return // it is asked again when the markers are tried again
	}
	gone := a.marking.gone(place, topicGone)
	if len(gone) > 0 {
		c.Log().Info().Str("topic", place.Topic).Int("markers", len(gone)).
			Msg("partitions of transactions are gone and need no markers")
	}
	a.told(c, gone)
}

// told notes that partitions know how their transactions ended.
func (a *Actor) told(c *kit.Context, items []*item) {
	for _, one := range items {
		a.core.marked(c.Now(), one.id, one.place)
	}
}

// send sends what is queued.
func (a *Actor) send(c *kit.Context) {
	for _, node := range slices.Sorted(maps.Keys(a.marking.queues)) {
		for token, items, ok := a.marking.take(node); ok; token, items, ok = a.marking.take(node) {
			a.tell(c, token, node, items)
		}
	}
	for token, node, items, ok := a.marking.takeSlow(); ok; token, node, items, ok = a.marking.takeSlow() {
		a.tell(c, token, node, items)
	}
}

func (a *Actor) tell(c *kit.Context, token uint64, node int32, items []*item) {
	a.options.Brokers.Tell(brokers.Ask{
		Node: node, Request: a.request(items), Timeout: markersTimeout, ReplyTo: c.Self(), Token: token,
	})
}

// request returns the WriteTxnMarkers of some items. Those of one transaction stand together.
func (a *Actor) request(items []*item) *kmsg.WriteTxnMarkersRequest {
	r := kmsg.NewPtrWriteTxnMarkersRequest()
	r.Version = markersVersion
	for i, one := range items {
		if i == 0 || items[i-1].id != one.id {
			marker := kmsg.NewWriteTxnMarkersRequestMarker()
			marker.ProducerID, marker.ProducerEpoch = one.producer.ID, one.producer.Epoch
			marker.Committed, marker.CoordinatorEpoch = one.commit, int32(a.options.Epoch)
			marker.TransactionVersion = int8(one.generation)
			r.Markers = append(r.Markers, marker)
		}
		marker := &r.Markers[len(r.Markers)-1]
		if n := len(marker.Topics); n == 0 || marker.Topics[n-1].Topic != one.place.Topic {
			topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
			topic.Topic = one.place.Topic
			marker.Topics = append(marker.Topics, topic)
		}
		topic := &marker.Topics[len(marker.Topics)-1]
		topic.Partitions = append(topic.Partitions, one.place.Partition)
	}
	return r
}

// answerKey finds the outcome of a marker in an answer.
type answerKey struct {
	producer int64
	place    transaction.Place
}

// onAnswered takes what a broker says of the markers that it was sent, or that it says nothing.
func (a *Actor) onAnswered(c *kit.Context, m brokers.Answered) {
	codes := map[answerKey]protocol.Code{}
	if response, is := m.Response.(*kmsg.WriteTxnMarkersResponse); is {
		for _, marker := range response.Markers {
			for _, topic := range marker.Topics {
				for _, p := range topic.Partitions {
					place := transaction.Place{Topic: topic.Topic, Partition: p.Partition}
					codes[answerKey{marker.ProducerID, place}] = protocol.Code(p.ErrorCode)
				}
			}
		}
	}
	done, fenced := a.marking.returned(c.Now(), m.Token, func(one *item) protocol.Code {
		if code, known := codes[answerKey{one.producer.ID, one.place}]; known {
			return code
		}
		return protocol.RequestTimedOut
	})
	for _, one := range fenced {
		c.Log().Warn().Str("id", one.id).Str("topic", one.place.Topic).Int32("partition", one.place.Partition).
			Msg("partition has heard of a later coordinator of the transaction")
	}
	a.told(c, done)
}

// arm sees to it that again comes when something waits.
func (a *Actor) arm(c *kit.Context) {
	next := earlier(a.marking.next(), earlier(a.core.parked.waiting.Next(), a.core.held.waiting.Next()))
	if len(a.core.unfinished) > 0 && next.IsZero() {
		next = c.Now().Add(longestWait)
	}
	if next.IsZero() {
		return
	}
	if a.timer != nil {
		if !next.Before(a.timerFor) {
			return
		}
		a.timer.Stop()
	}
	a.timerFor = next
	a.timer = c.After(max(next.Sub(c.Now()), firstWait/2), again{})
}

// earlier returns the earlier of two times, of which the zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
