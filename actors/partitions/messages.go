package partitions

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

// AwaitLeaders asks for one LeadersReady as soon as every partition of the topics has a ready leader.
// The asker owns the deadline. A topic that is deleted meanwhile no longer counts.
type AwaitLeaders struct {
	Topics  []image.TopicID
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable: the asker is told at once and reports what it finds.
func (a AwaitLeaders) Refuse(error) { a.ReplyTo.Tell(LeadersReady{Token: a.Token}) }

// LeadersReady answers AwaitLeaders.
type LeadersReady struct {
	Token uint64
}

// Retain runs the retention sweep now instead of at its next turn.
type Retain struct{}

// sweep is the manager's own tick for retention.
type sweep struct{}

// rebuild is the end of the wait before a failed child is built again.
type rebuild struct{ one *hosted }

// resubscribe is the end of the wait for a new metadata actor.
type resubscribe struct{}
