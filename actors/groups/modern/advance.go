package modern

import (
	"maps"
	"slices"
	"time"

	"github.com/chronik-go/chronik/actors/groups/assignor"
	"github.com/chronik-go/chronik/actors/groups/records"
)

// advance takes in what a member said, brings the group to its next epoch if that changes anything, and leads
// the member a step towards the target. It returns the member as it is then.
func (g *Group) advance(now time.Time, from admitted, said *member, owned records.Partitions, topics Topics,
) *member {
	if from.replaces != nil {
		g.replace(from.replaces, from.m)
	}
	if from.isNew {
		g.timers[said.id] = &timers{}
	}
	if from.isNew || !said.saysTheSame(from.m) {
		g.put(said)
		g.write(records.MemberKind, said.id, records.MemberValue(said.record()))
	}
	g.refresh(now, topics, g.epoch == 0 || !said.readsTheSame(from.m))
	if g.epoch > g.targetEpoch {
		g.aim()
	}
	m := g.reconcile(said, owned)
	if !m.has(said) || from.isNew {
		g.put(m)
		g.write(records.CurrentKind, m.id, records.CurrentValue(m.current()))
	}
	return m
}

// replace gives the place of a static member, and its target, to its successor.
func (g *Group) replace(old, next *member) {
	g.touch()
	target := g.target[old.id]
	g.erase(old)
	g.target[next.id] = target
	g.put(next)
	g.write(records.TargetKind, next.id, records.TargetValue(target))
}

// erase removes a member with all its records.
func (g *Group) erase(m *member) {
	g.drop(m.id)
	delete(g.target, m.id)
	g.write(records.CurrentKind, m.id, nil)
	g.write(records.TargetKind, m.id, nil)
	g.write(records.MemberKind, m.id, nil)
}

// refresh looks at what the members read, and begins the next epoch if that has changed or bump is set.
func (g *Group) refresh(now time.Time, topics Topics, bump bool) {
	if g.lookUp(now, topics) {
		bump = true
	}
	if !bump && topics.Version() == g.seen {
		return
	}
	read := g.subscribed(topics)
	if !maps.Equal(read, g.topics) {
		g.touch()
		g.topics, bump = read, true
		g.write(records.TopicsKind, "", records.TopicsValue(inOrder(read)))
	}
	if bump {
		g.touch()
		g.epoch++
		g.write(records.EpochKind, "", records.EpochValue(g.epoch))
	}
	g.seen = topics.Version() // after what is undone was noted, so that undoing has the topics looked at again
}

// subscribed returns the topics that members subscribe to and that exist.
func (g *Group) subscribed(topics Topics) map[string]records.Topic {
	read := map[string]records.Topic{}
	for _, m := range g.members {
		for _, name := range g.namesOf(m) {
			if _, known := read[name]; known {
				continue
			}
			if topic, exists := topics.Topic(name); exists {
				read[name] = topic
			}
		}
	}
	return read
}

// namesOf returns the names of topics that a member subscribes to, some perhaps twice.
func (g *Group) namesOf(m *member) []string {
	if m.regex == "" {
		return m.names
	}
	return append(slices.Clone(m.names), g.regexes[m.regex].Topics...)
}

func inOrder(topics map[string]records.Topic) []records.Topic {
	list := make([]records.Topic, 0, len(topics))
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		list = append(list, topics[name])
	}
	return list
}

// lookUp takes over what the expressions of members match, and tells whether that has changed what they
// read. What is not known at the moment is what the log says.
func (g *Group) lookUp(now time.Time, topics Topics) bool {
	if g.searchers == 0 && len(g.regexes) == 0 {
		return false
	}
	wanted := map[string]bool{}
	for _, m := range g.members {
		if m.regex != "" {
			wanted[m.regex] = true
		}
	}
	changed := g.forget(wanted)
	for _, expression := range slices.Sorted(maps.Keys(wanted)) {
		before, known := g.regexes[expression]
		found, looked := topics.Matching(expression)
		if !looked {
			continue
		}
		if known && same(found, before.Topics) {
			before.Topics = found // so that the next look finds one list
			g.regexes[expression] = before
			continue
		}
		g.touch()
		x := records.Regex{Topics: found, Version: int64(topics.Version()), Time: now.UnixMilli()}
		g.regexes[expression], changed = x, true
		g.write(records.RegexKind, expression, records.RegexValue(&x))
	}
	return changed
}

// same compares two lists that never change. Mostly they are one.
func same(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// Refresh begins the next epoch if what expressions match has changed; members are led there by their
// heartbeats.
func (g *Group) Refresh(now time.Time, topics Topics) {
	if len(g.members) > 0 && g.downgraded == nil {
		g.refresh(now, topics, false)
	}
}

// Expressions are the regular expressions that members subscribe by, in order.
func (g *Group) Expressions() []string {
	if g.searchers == 0 {
		return nil
	}
	wanted := map[string]bool{}
	for _, m := range g.members {
		if m.regex != "" {
			wanted[m.regex] = true
		}
	}
	return slices.Sorted(maps.Keys(wanted))
}

// Knows tells whether the group has looked up an expression before.
func (g *Group) Knows(expression string) bool {
	_, known := g.regexes[expression]
	return known
}

// forget drops the expressions that no member has any more.
func (g *Group) forget(wanted map[string]bool) bool {
	changed := false
	for _, expression := range slices.Sorted(maps.Keys(g.regexes)) {
		if !wanted[expression] {
			g.touch()
			delete(g.regexes, expression)
			g.write(records.RegexKind, expression, nil)
			changed = true
		}
	}
	return changed
}

// aim makes the target assignment of the present epoch.
func (g *Group) aim() {
	g.touch()
	in := assignor.Group{Partitions: map[records.TopicID]int32{}}
	for _, topic := range g.topics {
		in.Partitions[topic.ID] = topic.Partitions
	}
	for id, m := range g.members {
		one := assignor.Member{ID: id, Instance: m.instance, Had: g.target[id]}
		for _, name := range g.namesOf(m) {
			if topic, reads := g.topics[name]; reads {
				one.Topics = append(one.Topics, topic.ID)
			}
		}
		in.Members = append(in.Members, one)
	}
	target := assignor.ByName(g.Assignor())(in)
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		before, known := g.target[id]
		if known && before.Equal(target[id]) {
			continue
		}
		g.target[id] = target[id]
		g.write(records.TargetKind, id, records.TargetValue(target[id]))
	}
	g.targetEpoch = g.epoch
	g.write(records.TargetEpochKind, "", records.EpochValue(g.epoch))
}

// Assignor returns the name of the assignor that most members ask for, the default one if none does.
func (g *Group) Assignor() string {
	votes := map[string]int{}
	for _, m := range g.members {
		votes[m.assignor]++
	}
	best := ""
	for _, name := range g.settings.Assignors {
		if votes[name] > 0 && (best == "" || votes[name] > votes[best]) {
			best = name
		}
	}
	if best == "" {
		return g.settings.Assignors[0]
	}
	return best
}
