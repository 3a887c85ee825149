package groups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Ledger follows what the members of one group say, line by line in the order in which it happened, and
// keeps what breaks the rules of at-least-once delivery:
//
//	a partition has one owner                  two live members never hold it at once
//	an owner begins at the committed offset    not after it: records would be skipped
//	                                           not before it: records would come again though committed
//	an owner reads on without gap and repeat   offsets follow each other
//	the committed offset never falls           a member that was fenced cannot move it back
//
// What was committed is known to lie between what a member was told and what any has tried since: a commit
// whose answer was lost may have been carried out.
type Ledger struct {
	partitions []ledgerPartition
	members    map[string]*ledgerMember
	broken     []string
	repeated   int64 // records delivered again, as at-least-once allows
	refused    int   // commits
}

type ledgerPartition struct {
	owner        string
	acknowledged int64 // the broker said that this is committed
	attempted    int64 // the highest that may be committed
	covered      int64 // all records below were delivered
}

type ledgerMember struct {
	next map[int32]int64 // the record that comes next, of partitions whose first was read
}

// NewLedger returns the ledger of a group that reads a topic with that many partitions.
func NewLedger(partitions int) *Ledger {
	return &Ledger{partitions: make([]ledgerPartition, partitions), members: make(map[string]*ledgerMember)}
}

// Broken returns the rules that were broken, the first ones first.
func (l *Ledger) Broken() []string { return l.broken }

func (l *Ledger) breaks(format string, args ...any) {
	l.broken = append(l.broken, fmt.Sprintf(format, args...))
}

// Line takes one line of a member.
func (l *Ledger) Line(line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		l.breaks("a line that is none: %q", line)
		return
	}
	word, name, rest := fields[0], fields[1], fields[2:]
	if l.members[name] == nil {
		l.members[name] = &ledgerMember{next: make(map[int32]int64)}
	}
	switch word {
	case "assigned":
		l.each(line, rest, 1, func(p int32, _ []int64) { l.assigned(name, p) })
	case "revoked":
		l.each(line, rest, 1, func(p int32, _ []int64) { l.released(name, p) })
	case "commit":
		l.each(line, rest, 2, func(p int32, v []int64) { l.attempted(p, v[0]) })
	case "committed":
		l.each(line, rest, 2, func(p int32, v []int64) { l.committed(name, p, v[0]) })
	case "read":
		l.each(line, []string{strings.Join(rest, ":")}, 3, func(p int32, v []int64) { l.read(name, p, v[0], v[1]) })
	case "left", "crashed":
		l.gone(name)
	case "refused":
		l.refused++
	default:
		l.breaks("%s", line)
	}
}

// each splits words like "partition:number:number" and takes those of a partition that exists.
func (l *Ledger) each(line string, words []string, numbers int, take func(int32, []int64)) {
	for _, word := range words {
		var values []int64
		for text := range strings.SplitSeq(word, ":") {
			value, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				break
			}
			values = append(values, value)
		}
		if len(values) != numbers || values[0] < 0 || values[0] >= int64(len(l.partitions)) {
			l.breaks("a line that is none: %q", line)
			return
		}
		take(int32(values[0]), values[1:])
	}
}

func (l *Ledger) assigned(name string, p int32) {
	if owner := l.partitions[p].owner; owner != "" && owner != name {
		l.breaks("partition %d is assigned to %s while %s holds it", p, name, owner)
	}
	l.partitions[p].owner = name
	delete(l.members[name].next, p)
}

func (l *Ledger) released(name string, p int32) {
	if l.partitions[p].owner == name {
		l.partitions[p].owner = ""
	}
	delete(l.members[name].next, p)
}

func (l *Ledger) attempted(p int32, next int64) {
	l.partitions[p].attempted = max(l.partitions[p].attempted, next)
}

func (l *Ledger) committed(name string, p int32, next int64) {
	partition := &l.partitions[p]
	switch {
	case partition.owner != "" && partition.owner != name:
		l.breaks("partition %d: a commit of %s to %d is acknowledged while %s holds it", p, name, next, partition.owner)
	case next < partition.acknowledged:
		l.breaks("partition %d: the committed offset falls from %d to %d by %s", p, partition.acknowledged, next, name)
	case next > partition.attempted:
		l.breaks("partition %d: %d is committed, which nobody asked for", p, next)
	}
	partition.acknowledged = max(partition.acknowledged, next)
}

func (l *Ledger) read(name string, p int32, from, to int64) {
	partition, next := &l.partitions[p], l.members[name].next
	expected, begun := next[p]
	switch {
	case partition.owner != name:
		l.breaks("partition %d: %s reads %d to %d without holding it", p, name, from, to)
	case begun && from > expected, !begun && from > partition.attempted:
		l.breaks("partition %d: %s skips records, reads %d to %d", p, name, from, to)
	case begun && from < expected:
		l.breaks("partition %d: %s reads %d to %d, has read up to %d", p, name, from, to, expected-1)
	case !begun && from < partition.acknowledged:
		l.breaks("partition %d: %s begins at %d, committed is %d", p, name, from, partition.acknowledged)
	}
	if !begun { // what the broker gave out was committed, and nothing beyond it
		partition.acknowledged, partition.attempted = max(partition.acknowledged, from), from
	}
	next[p] = to + 1
	l.repeated += max(0, min(partition.covered, to+1)-from)
	partition.covered = max(partition.covered, to+1)
}

func (l *Ledger) gone(name string) {
	for p := range l.partitions {
		l.released(name, int32(p))
	}
}

// Settled tells whether these members, and no others, hold all partitions, each of them at least one, and
// have read from each what marks say it held.
func (l *Ledger) Settled(members []string, marks []int64) bool {
	holding := make(map[string]bool)
	for p, partition := range l.partitions {
		if !slices.Contains(members, partition.owner) || l.members[partition.owner].next[int32(p)] < marks[p] {
			return false
		}
		holding[partition.owner] = true
	}
	return len(holding) == len(members)
}

// Committed tells whether everything is delivered and committed up to the ends.
func (l *Ledger) Committed(ends []int64) bool {
	for p, partition := range l.partitions {
		if partition.acknowledged < ends[p] || partition.covered < ends[p] {
			return false
		}
	}
	return true
}

// Holders returns how many partitions each member holds, for a person to read.
func (l *Ledger) Holders() string {
	counts := make(map[string]int)
	for _, partition := range l.partitions {
		counts[partition.owner]++
	}
	return fmt.Sprint(counts)
}
