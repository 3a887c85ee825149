package modern

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// memberState is how far a member is on its way to the target; the package comment has the table. The numbers
// are those of the record.
type memberState int8

const (
	stable     memberState = 0
	unrevoked  memberState = 1
	unreleased memberState = 2
)

// Epochs that are none.
const (
	leaving = -1 // a member leaves
	absent  = -2 // a static member leaves and will be back
)

// member is one member of a group. It is immutable; a change makes another one.
type member struct {
	id        string
	instance  string // empty: it is dynamic
	rack      string
	client    client
	names     []string // topics that it subscribes to, in order
	regex     string   // the same by a regular expression; empty: none
	assignor  string   // that it asks for; empty: any
	rebalance time.Duration
	classic   *records.ClassicMember // nil: it speaks the newer protocol

	epoch    int32
	previous int32 // its epoch before, which it may still have if an answer was lost
	state    memberState
	assigned records.Partitions
	revoking records.Partitions // what it has to give back
	since    map[records.TopicID]map[int32]int32
}

// sessionTime is how long a member may be silent.
func (m *member) sessionTime(s *Settings) time.Duration {
	if m.classic != nil {
		return time.Duration(m.classic.SessionMillis) * time.Millisecond
	}
	return s.Session
}

// reconciledTo tells whether the member has what it is to have in an epoch.
func (m *member) reconciledTo(epoch int32) bool { return m.state == stable && m.epoch == epoch }

// withRequest returns the member as a heartbeat describes it. What the request leaves out stays.
func (m *member) withRequest(r *kmsg.ConsumerGroupHeartbeatRequest, who client) *member {
	c := *m
	c.client, c.classic = who, nil
	if r.InstanceID != nil {
		c.instance = *r.InstanceID
	}
	if r.RackID != nil {
		c.rack = *r.RackID
	}
	if r.RebalanceTimeoutMillis >= 0 {
		c.rebalance = time.Duration(r.RebalanceTimeoutMillis) * time.Millisecond
	}
	if r.ServerAssignor != nil {
		c.assignor = *r.ServerAssignor
	}
	if r.SubscribedTopicNames != nil {
		c.names = ordered(r.SubscribedTopicNames)
	}
	if r.SubscribedTopicRegex != nil {
		c.regex = *r.SubscribedTopicRegex
	}
	return &c
}

func ordered(names []string) []string {
	list := slices.Clone(names)
	slices.Sort(list)
	return slices.Compact(list)
}

// saysTheSame tells whether the record of what a member said is the same for both.
func (m *member) saysTheSame(other *member) bool {
	return m.id == other.id && m.instance == other.instance && m.rack == other.rack &&
		m.client == other.client && m.assignor == other.assignor && m.rebalance == other.rebalance &&
		m.readsTheSame(other) && sameProtocols(m.classic, other.classic)
}

// readsTheSame tells whether both subscribe to the same.
func (m *member) readsTheSame(other *member) bool {
	return m.regex == other.regex && slices.Equal(m.names, other.names)
}

func sameProtocols(a, b *records.ClassicMember) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.SessionMillis == b.SessionMillis && slices.EqualFunc(a.Protocols, b.Protocols, sameProtocol)
}

func sameProtocol(a, b records.ClassicProtocol) bool {
	return a.Name == b.Name && slices.Equal(a.Metadata, b.Metadata)
}

// has tells whether two members are equally far and have the same.
func (m *member) has(other *member) bool {
	return m.epoch == other.epoch && m.previous == other.previous && m.state == other.state &&
		m.assigned.Equal(other.assigned) && m.revoking.Equal(other.revoking)
}

// in returns the member in an epoch, with what it has then.
func (m *member) in(epoch int32, state memberState, assigned, revoking records.Partitions) *member {
	c := *m
	if c.epoch != epoch {
		c.previous, c.epoch = c.epoch, epoch
	}
	c.state, c.assigned, c.revoking = state, assigned, revoking
	c.since = sinceOf(m, assigned.Plus(revoking), epoch)
	return &c
}

// sinceOf returns in which epoch the member got what it has. A commit of a member that has not heard of its
// newest epoch counts for a partition that it had in its own already (KIP-1251).
func sinceOf(before *member, held records.Partitions, epoch int32) map[records.TopicID]map[int32]int32 {
	since := make(map[records.TopicID]map[int32]int32, len(held))
	for topic, list := range held {
		since[topic] = make(map[int32]int32, len(list))
		for _, index := range list {
			since[topic][index] = epoch
			if first, had := before.since[topic][index]; had {
				since[topic][index] = first
			}
		}
	}
	return since
}

// speaks tells whether a classic member knows a way of assignment.
func (m *member) speaks(name string) bool {
	return m.classic != nil && slices.ContainsFunc(m.classic.Protocols, func(p records.ClassicProtocol) bool {
		return p.Name == name
	})
}
