package chaos

import (
	"strings"
	"time"
)

// What a supervisor repairs is limited: so many failures within so long, and then the part is given up.
// Crashes that are to be repaired stay below that; bursts go past it.

// allowance is how many crashes a unit of supervision gets within a time. It is less than what is repaired,
// so that the waits before the repairs, which grow, stay short.
type allowance struct {
	crashes int
	within  time.Duration
}

// unitOf returns the path of what is given up together with an actor, and what it may take.
func unitOf(path string) (unit string, most allowance) {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) > 2 && parts[1] == "raft" && strings.HasPrefix(parts[2], "group-"):
		return strings.Join(parts[:3], "/"), allowance{2, 30 * time.Second}
	case len(parts) > 2 && parts[1] == "partitions" && parts[2] != "cleaner":
		return strings.Join(parts[:3], "/"), allowance{3, 30 * time.Second}
	case strings.HasPrefix(path, "broker/storage/janitor"):
		return path, allowance{3, time.Minute}
	case len(parts) == 2:
		return path, allowance{3, time.Minute}
	case len(parts) == 3 && isStanding(path): // links, the server, the cleaner: rebuilt with growing waits, for ever
		return path, allowance{3, time.Minute}
	case strings.Contains(path, "/coordinator-"):
		return strings.Join(parts[:3], "/"), allowance{3, time.Minute}
	}
	return "", allowance{} // one that is not missed: there is no limit
}

// budgets counts the crashes of the units of one life of a node.
type budgets struct{ spent map[string][]time.Time }

func newBudgets() *budgets { return &budgets{spent: map[string][]time.Time{}} }

// allows tells whether an actor may crash once more.
func (b *budgets) allows(path string, now time.Time) bool {
	unit, most := unitOf(path)
	return unit == "" || b.recent(path, now) < most.crashes
}

// recent counts the crashes that the unit of an actor has not been forgiven yet.
func (b *budgets) recent(path string, now time.Time) (count int) {
	unit, most := unitOf(path)
	for _, at := range b.spent[unit] {
		if now.Sub(at) < most.within {
			count++
		}
	}
	return count
}

// spend notes a crash. The host of the Raft groups takes their owners with it.
func (b *budgets) spend(path string, now time.Time) {
	unit, _ := unitOf(path)
	units := []string{unit}
	if unit == "broker/raft" {
		units = append(units, "broker/partitions", "broker/metadata")
	}
	for _, one := range units {
		b.spent[one] = append(b.spent[one], now)
	}
}

// isFatal tells whether a node stops by its own rules when an actor of this kind has failed: the root, and
// what it cannot trust any more.
func isFatal(kind string) bool { return kind == "broker" || kind == "storage" || kind == "storage/wal" }
