package api

import (
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partitions"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/wal"
)

// maxChanges bounds the items of one request that change metadata, as Kafka's controller bounds the records
// that one request may write.
const maxChanges = controller.MaxPartitions

// tooMany is the error of every item of a request beyond maxChanges.
var tooMany = &protocol.Error{
	Code:    protocol.PolicyViolation,
	Message: "Unable to perform excessively large batch operation.",
}

// change is one item of a request that changes metadata. Items stand for themselves: one may be refused
// while others are made.
type change struct {
	name    string // as the client called it; meaning depends on the API
	request any    // of package controller; nil if err is set from the start
	err     error
	event   image.Event
	done    bool
}

// refusal returns an item that is not even tried.
func refusal(name string, code protocol.Code, message string) change {
	return change{name: name, err: &protocol.Error{Code: code, Message: message}, done: true}
}

// changes is the task of a request that changes metadata: it submits all items at once and, if the request
// makes partitions, waits until those have leaders, so that a client can use what it has made.
//
//	submitting    all items are with the actor "metadata"
//	electing      all are answered; the new partitions have no leaders yet
//	done
type changes struct {
	env      *request.Env
	timeout  time.Duration
	items    []change
	byToken  map[uint64]int // index into items
	electing bool
}

// Start implements call.Task.
func (c *changes) Start(q *call.Questions) {
	c.byToken = make(map[uint64]int, len(c.items))
	for i := range c.items {
		item := &c.items[i]
		if item.done {
			continue
		}
		token := q.Ask(c.env.Metadata, func(replyTo kit.Address, token uint64) any {
			return metadata.Submit{Request: item.request, Timeout: c.timeout, ReplyTo: replyTo, Token: token}
		})
		c.byToken[token] = i
	}
}

// Answer implements call.Task.
func (c *changes) Answer(q *call.Questions, reply any) {
	if submitted, is := reply.(metadata.Submitted); is {
		item := &c.items[c.byToken[submitted.Token]]
		item.event, item.err, item.done = submitted.Event, submitted.Err, true
	}
	if q.Open() == 0 && !c.electing {
		c.awaitLeaders(q)
	}
}

// awaitLeaders asks to be told when the partitions that were made have leaders.
func (c *changes) awaitLeaders(q *call.Questions) {
	c.electing = true
	var made []image.TopicID
	var last wal.GroupID
	for i := range c.items {
		if topic := madeIn(&c.items[i]); topic != nil {
			made = append(made, topic.ID)
			last = max(last, topic.Partitions[len(topic.Partitions)-1].Group)
		}
	}
	if len(made) == 0 {
		return
	}
	q.Ask(c.env.Partitions, func(replyTo kit.Address, token uint64) any {
		return partitions.AwaitLeaders{Topics: made, Last: last, ReplyTo: replyTo, Token: token}
	})
}

// madeIn returns the topic in which an item made partitions, nil if it made none.
func madeIn(item *change) *image.Topic {
	switch r := item.request.(type) {
	case controller.CreateTopic:
		if created, is := item.event.(image.TopicCreated); is && !r.ValidateOnly {
			return created.Topic
		}
	case controller.CreatePartitions:
		if created, is := item.event.(image.PartitionsCreated); is && !r.ValidateOnly {
			return created.Topic
		}
	}
	return nil
}

// Deadline implements call.Task.
func (c *changes) Deadline() time.Duration { return c.timeout }

// outcome returns the error of an item. What was made counts as made, even if its partitions had no
// leaders in time; what has no answer timed out.
func (item *change) outcome() error {
	if !item.done {
		return timedOut
	}
	return item.err
}

// repeated returns which of the names occur more than once.
func repeated[K comparable](names []K) map[K]bool {
	seen := make(map[K]bool, len(names))
	twice := make(map[K]bool)
	for _, name := range names {
		if seen[name] {
			twice[name] = true
		}
		seen[name] = true
	}
	return twice
}
