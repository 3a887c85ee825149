package expressions

import (
	"iter"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/chronik-go/chronik/protocol"
)

// table is the expressions with the topics that each matches. It is pure.
type table struct {
	entries map[string]*entry
	changed map[string]*entry // since they were told
}

// entry is one expression.
type entry struct {
	matcher *regexp.Regexp
	topics  []string // in order
	shared  bool     // topics was given away and is not to be changed in place
}

func newTable() *table {
	return &table{entries: map[string]*entry{}, changed: map[string]*entry{}}
}

// put returns the entry of an expression. One that is new is compared with all names, which come in order.
// The error is a *protocol.Error.
func (t *table) put(expression string, names iter.Seq[string]) (*entry, error) {
	if known := t.entries[expression]; known != nil {
		return known, nil
	}
	matcher, err := compile(expression)
	if err != nil {
		return nil, err
	}
	one := &entry{matcher: matcher}
	one.look(names)
	t.entries[expression] = one
	return one, nil
}

// compile reads an expression that is to match from end to end.
func compile(expression string) (*regexp.Regexp, error) {
	if len(expression) > math.MaxInt16 {
		return nil, protocol.Errorf(protocol.InvalidRegularExpression, "SubscribedTopicRegex is too long.")
	}
	// Read alone first: what it is wrapped in must neither complete it nor be quoted by it.
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err == nil {
		var whole *regexp.Regexp
		if whole, err = regexp.Compile(`\A(?:` + parsed.String() + `)\z`); err == nil {
			return whole, nil
		}
	}
	return nil, protocol.Errorf(protocol.InvalidRegularExpression,
		"SubscribedTopicRegex `%s` is not a valid regular expression: %s.", expression, err)
}

// look compares the expression with all names and tells whether it matches others than before.
func (e *entry) look(names iter.Seq[string]) bool {
	var found []string
	for name := range names {
		if e.matcher.MatchString(name) {
			found = append(found, name)
		}
	}
	if slices.Equal(found, e.topics) {
		return false
	}
	e.topics, e.shared = found, false
	return true
}

// drop forgets an expression.
func (t *table) drop(expression string) {
	delete(t.entries, expression)
	delete(t.changed, expression)
}

// rebuild compares all expressions with all names.
func (t *table) rebuild(names func() iter.Seq[string]) {
	for expression, one := range t.entries {
		if one.look(names()) {
			t.changed[expression] = one
		}
	}
}

// added takes note of a new topic.
func (t *table) added(name string) {
	for expression, one := range t.entries {
		if !one.matcher.MatchString(name) {
			continue
		}
		if at, there := slices.BinarySearch(one.topics, name); !there {
			one.topics = slices.Insert(one.own(), at, name)
			t.changed[expression] = one
		}
	}
}

// removed takes note of a topic that is gone.
func (t *table) removed(name string) {
	for expression, one := range t.entries {
		if at, there := slices.BinarySearch(one.topics, name); there {
			one.topics = slices.Delete(one.own(), at, at+1)
			t.changed[expression] = one
		}
	}
}

// own returns the topics for changes in place.
func (e *entry) own() []string {
	if !e.shared {
		return e.topics
	}
	e.shared = false
	return slices.Clone(e.topics)
}

// share returns the topics for others to keep.
func (e *entry) share() []string {
	e.shared = true
	return e.topics
}
