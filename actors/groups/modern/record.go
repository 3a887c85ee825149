package modern

import (
	"fmt"
	"time"

	"github.com/chronik-go/chronik/actors/groups/records"
)

// record is what the log keeps of what a member said.
func (m *member) record() *records.Member {
	return &records.Member{
		InstanceID: maybe(m.instance), RackID: maybe(m.rack), ClientID: m.client.ID, ClientHost: m.client.Host,
		Names: m.names, Regex: maybe(m.regex), RebalanceMillis: int32(m.rebalance.Milliseconds()),
		Assignor: maybe(m.assignor), Classic: m.classic,
	}
}

// current is what the log keeps of what a member has.
func (m *member) current() *records.Current {
	return &records.Current{
		Epoch: m.epoch, Previous: m.previous, State: int8(m.state), Assigned: m.assigned, Revoking: m.revoking,
	}
}

func maybe(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Restore returns the group that the newest values of its keys describe. Its members have a whole session
// from now on to be heard of.
func Restore(id string, values map[records.ModernKey][]byte, settings *Settings, now time.Time,
) (*Group, error) {
	g := New(id, settings)
	members := map[string]*member{}
	of := func(name string) *member {
		m := members[name]
		if m == nil {
			m = &member{id: name}
			members[name] = m
		}
		return m
	}
	said := map[string]bool{}
	for key, value := range values {
		var err error
		switch key.Kind {
		case records.MemberKind:
			said[key.Name], err = true, of(key.Name).restoreRecord(value)
		case records.CurrentKind:
			err = of(key.Name).restoreCurrent(value)
		default:
			err = g.restore(key, value)
		}
		if err != nil {
			return New(id, settings), fmt.Errorf("record %d of group %q: %w", key.Kind, id, err)
		}
	}
	for name, m := range members {
		if !said[name] {
			continue // all that is left of it is that it had something
		}
		g.put(m)
		g.heard(now, m)
		if m.state == unrevoked && m.classic == nil {
			g.timersOf(name).rebalance = now.Add(m.rebalance)
		}
	}
	g.undo = nil
	return g, nil
}

func (g *Group) restore(key records.ModernKey, value []byte) (err error) {
	switch key.Kind {
	case records.EpochKind:
		g.epoch, err = records.ReadEpoch(value)
	case records.TargetEpochKind:
		g.targetEpoch, err = records.ReadEpoch(value)
	case records.TargetKind:
		g.target[key.Name], err = records.ReadTarget(value)
	case records.RegexKind:
		g.regexes[key.Name], err = records.ReadRegex(value)
	case records.TopicsKind:
		var topics []records.Topic
		topics, err = records.ReadTopics(value)
		for _, topic := range topics {
			g.topics[topic.Name] = topic
		}
	}
	return err
}

func (m *member) restoreRecord(value []byte) error {
	r, err := records.ReadMember(value)
	if err != nil {
		return err
	}
	m.instance, m.rack = orEmpty(r.InstanceID), orEmpty(r.RackID)
	m.client = client{ID: r.ClientID, Host: r.ClientHost}
	m.names, m.regex, m.assignor = ordered(r.Names), orEmpty(r.Regex), orEmpty(r.Assignor)
	m.rebalance = time.Duration(r.RebalanceMillis) * time.Millisecond
	m.classic = r.Classic
	return nil
}

func (m *member) restoreCurrent(value []byte) error {
	c, err := records.ReadCurrent(value)
	if err != nil {
		return err
	}
	if c.State < int8(stable) || c.State > int8(unreleased) {
		return fmt.Errorf("a member is in state %d, which is not known", c.State)
	}
	m.epoch, m.previous, m.state = c.Epoch, c.Previous, memberState(c.State)
	m.assigned, m.revoking = c.Assigned, c.Revoking
	m.since = sinceOf(&member{}, c.Assigned.Plus(c.Revoking), c.Epoch)
	return nil
}
