package consumers

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/protocol"
)

// searches is what a core knows of the regular expressions of its members.
//
// Invariant: asked has all that somebody was asked to look after and was not told to leave; matches and
// parked have no others.
type searches struct {
	asked   map[string]bool
	matches map[string][]string // topics, once they are known
	parked  map[string][]queued // heartbeats that wait for them

	follows, leaves []string // to be sent
}

// lookAgain is the body of a request that nobody waits for: what an expression matches has changed.
type lookAgain struct{}

// expressionIn returns the regular expression that a member says it subscribes by, empty if it says none.
func expressionIn(body any) string {
	r, is := body.(*kmsg.ConsumerGroupHeartbeatRequest)
	if !is || r.MemberEpoch < 0 || r.SubscribedTopicRegex == nil {
		return ""
	}
	return *r.SubscribedTopicRegex
}

// topics shows the cluster to the group.
func (c *core) topics() topics { return topics{c.settings.Image(), c.searches.matches} }

// knows tells whether there is something to be said of what an expression matches.
func (c *core) knows(expression string) bool {
	_, known := c.searches.matches[expression]
	return known || c.newer.group != nil && c.newer.group.Knows(expression)
}

// park has a request wait until it is known what its expression matches.
func (c *core) park(expression string, q queued) {
	if c.searches.parked == nil {
		c.searches.parked = map[string][]queued{}
	}
	c.searches.parked[expression] = append(c.searches.parked[expression], q)
	c.searches.want(expression)
}

// want asks for an expression, unless that was done.
func (s *searches) want(expression string) {
	if s.asked[expression] {
		return
	}
	if s.asked == nil {
		s.asked, s.matches = map[string]bool{}, map[string][]string{}
	}
	s.asked[expression] = true
	s.follows = append(s.follows, expression)
}

// followAll asks for the expressions that members have. Those of a group that was read from the log, or of
// a batch that was undone, may not have been asked for.
func (c *core) followAll() {
	for _, expression := range c.newer.group.Expressions() {
		c.searches.want(expression)
	}
}

// searchAgain asks for everything once more. What was known counts until there is an answer.
func (c *core) searchAgain() {
	c.searches.follows = slices.Sorted(maps.Keys(c.searches.asked))
}

// matched takes over what an expression matches, or that it is none.
func (c *core) matched(now time.Time, expression string, found []string, err error) {
	if !c.searches.asked[expression] {
		return // it was left meanwhile
	}
	waiting := c.searches.parked[expression]
	delete(c.searches.parked, expression)
	if err != nil {
		delete(c.searches.asked, expression)
		for _, q := range waiting {
			c.answer(q.ticket, protocol.None, modern.Refused(err))
		}
		return
	}
	c.searches.matches[expression] = found
	if len(waiting) == 0 {
		waiting = []queued{{body: lookAgain{}}}
	}
	c.newer.queue = append(c.newer.queue, waiting...)
	c.work(now)
	c.searches.leave(c.wanted())
}

// lookAgain has the group look at what its expressions match.
func (c *core) lookAgain(now time.Time) {
	if c.newer.group != nil {
		c.newer.group.Refresh(now, c.topics())
	}
}

// wanted are the expressions of members and of requests that wait.
func (c *core) wanted() map[string]bool {
	wanted := map[string]bool{}
	if c.newer.group != nil {
		for _, expression := range c.newer.group.Expressions() {
			wanted[expression] = true
		}
	}
	for expression := range c.searches.parked {
		wanted[expression] = true
	}
	for _, q := range c.newer.queue {
		wanted[expressionIn(q.body)] = true
	}
	return wanted
}

// leave forgets all expressions but those that are wanted. It is called when there is a new one or a
// change, so that no more are kept than there were members at some time since.
func (s *searches) leave(wanted map[string]bool) {
	for _, expression := range slices.Sorted(maps.Keys(s.asked)) {
		if wanted[expression] {
			continue
		}
		delete(s.asked, expression)
		delete(s.matches, expression)
		if at := slices.Index(s.follows, expression); at >= 0 {
			s.follows = slices.Delete(s.follows, at, at+1) // nobody was asked yet
		} else {
			s.leaves = append(s.leaves, expression)
		}
	}
}

// take returns which expressions are to be left, and which to be followed after that.
func (s *searches) take() (leaves, follows []string) {
	leaves, follows = s.leaves, s.follows
	s.leaves, s.follows = nil, nil
	return leaves, follows
}
