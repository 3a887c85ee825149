package chaos

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// reasons say why a run need not hit a type of message, by patterns of the kind and of the message. The first
// one that fits counts.
var reasons = []struct{ kind, message, why string }{
	{"broker", "*", "each crash of the root is the end of a life of a node, so there are few"},
	{"storage", "*", "the same for the owner of the data directory"},
	{"storage/wal", "*", "the same for the write-ahead log"},
	{"*", "*.expire", "it is for questions that nobody answers in time"},
	{"*", "*.expired", "it is for questions that nobody answers in time"},
	{"*", "*.patienceEnded", "it is for connections that do not end by themselves"},
	{"*", "*.forsaken", "it is for a node that knows no leader for three seconds"},
	{"*", "kit.ChildFailed", "children fail when they are made to, and then it is they who are crashed"},
	{"*", "kit.Terminated", "children end when they are made to, and then it is they who are crashed"},
	{"*", "*", "it came seldom, and not while a fault waited for it"},
}

func why(kind, message string) string {
	kind = strings.ReplaceAll(kind, "/", ".") // * stands for all of it
	for _, one := range reasons {
		ofKind, _ := path.Match(strings.ReplaceAll(one.kind, "/", "."), kind)
		if fits, _ := path.Match(one.message, message); ofKind && fits {
			return one.why
		}
	}
	panic("BUG: got a message without a reason, want the last one to fit all")
}

// open lists the types of messages that were not hit, by the reason.
func (b *table) open(seen *sightings) string {
	all, count := map[string][]string{}, 0
	for kind := range seen.all {
		for _, message := range seen.of(kind) {
			if b.hits[kind+" "+message] == 0 {
				reason := why(kind, message)
				all[reason] = append(all[reason], fmt.Sprintf("%s at %s", kind, message))
				count++
			}
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d types of messages were seen and not hit:\n\n", count)
	var lines []string
	for reason, messages := range all {
		slices.Sort(messages)
		lines = append(lines, fmt.Sprintf("- %s: %s.\n", reason, strings.Join(messages, ", ")))
	}
	slices.Sort(lines)
	text.WriteString(strings.Join(lines, ""))
	return text.String()
}
