package history

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind is what kind of anomaly it is; the package comment explains them.
type Kind string

// The kinds of anomalies.
const (
	LostWrite    Kind = "lost write"
	AbortedRead  Kind = "aborted read"
	Torn         Kind = "torn transaction"
	Duplicate    Kind = "duplicate"
	Reordered    Kind = "reordered"
	Inconsistent Kind = "inconsistent offsets"
	Skipped      Kind = "skipped record"
	Backward     Kind = "backward read"
	Phantom      Kind = "phantom"
)

// Anomaly is something that must not be.
type Anomaly struct {
	Kind Kind
	Text string
}

// String formats an anomaly for people.
func (a Anomaly) String() string { return string(a.Kind) + ": " + a.Text }

// origin is where a value comes from.
type origin struct {
	transaction int
	write       *Write
}

// checker is a history with what is looked up in it.
type checker struct {
	*History
	origins map[Value]origin
	final   map[Place][]Seen // ascending by offset
	at      map[Value][]Seen // where each value is in the end
	found   []Anomaly
}

// Check returns all anomalies of a history, grouped by kind.
func Check(h *History) []Anomaly {
	c := &checker{
		History: h, origins: map[Value]origin{}, final: map[Place][]Seen{}, at: map[Value][]Seen{},
	}
	c.index()
	c.checkFinal()
	c.checkTransactions()
	for i := range h.Readers {
		c.checkReader(&h.Readers[i])
	}
	slices.SortStableFunc(c.found, func(a, b Anomaly) int { return cmp.Compare(a.Kind, b.Kind) })
	return c.found
}

func (c *checker) report(kind Kind, format string, args ...any) {
	c.found = append(c.found, Anomaly{kind, fmt.Sprintf(format, args...)})
}

func (c *checker) index() {
	for i := range c.Transactions {
		for j := range c.Transactions[i].Writes {
			w := &c.Transactions[i].Writes[j]
			c.origins[w.Value] = origin{i, w}
		}
	}
	for _, one := range c.Final {
		c.final[one.Place] = append(c.final[one.Place], one)
		c.at[one.Value] = append(c.at[one.Value], one)
	}
	for _, list := range c.final {
		slices.SortStableFunc(list, func(a, b Seen) int { return cmp.Compare(a.Offset, b.Offset) })
	}
}

// checkFinal looks at what is there in the end: each value once, where it was written, in the order of its
// writer.
func (c *checker) checkFinal() {
	for _, one := range c.Final {
		c.checkSeen("the final reader", one)
	}
	for value, list := range c.at {
		if len(list) > 1 {
			c.report(Duplicate, "%s stands at %v and %v", value, list[0], list[1])
		}
	}
	for place, list := range c.final {
		last := map[string]Seen{}
		for _, one := range list {
			before, known := last[one.Value.Writer]
			if known && one.Value.Number < before.Value.Number {
				c.report(Reordered, "in %v %s stands at offset %d, and %s, written before it, at %d",
					place, before.Value, before.Offset, one.Value, one.Offset)
			}
			last[one.Value.Writer] = one
		}
	}
}

// checkSeen looks at one record that somebody read.
func (c *checker) checkSeen(reader string, one Seen) {
	from, known := c.origins[one.Value]
	switch {
	case !known || from.write.Place != one.Place:
		c.report(Phantom, "%s got %s at %v, where nobody wrote it", reader, one.Value, one)
	case c.Transactions[from.transaction].Outcome == Aborted:
		c.report(AbortedRead, "%s got %s at %v, of aborted transaction %d",
			reader, one.Value, one, from.transaction)
	case from.write.Offset != Unknown && from.write.Offset != one.Offset && len(c.at[one.Value]) < 2:
		c.report(Inconsistent, "%s got %s at %v, but it was acknowledged at offset %d",
			reader, one.Value, one, from.write.Offset)
	}
}

// checkTransactions looks whether each transaction is there as a whole, or not at all. One that is committed
// and of which nothing is there has lost writes; one of which some is there is torn, and if it is committed
// has lost the others.
func (c *checker) checkTransactions() {
	for i := range c.Transactions {
		t := &c.Transactions[i]
		var missing []Value
		for _, w := range t.Writes {
			if len(c.at[w.Value]) == 0 {
				missing = append(missing, w.Value)
			}
		}
		if len(missing) == 0 || t.Outcome == Aborted {
			continue
		}
		if len(missing) < len(t.Writes) {
			c.report(Torn, "of transaction %d with %d records %v are missing", i, len(t.Writes), missing)
		}
		if t.Outcome == Committed {
			c.report(LostWrite, "committed transaction %d lacks %v", i, missing)
		}
	}
}

// checkReader looks whether a reader got, between the first and the last record of each place, exactly what
// is there in the end.
func (c *checker) checkReader(r *Reader) {
	at := map[Place]int{} // index into final of the next record that the reader must get
	for _, one := range r.Seen {
		list := c.final[one.Place]
		index, there := slices.BinarySearchFunc(list, one.Offset, func(s Seen, at int64) int {
			return cmp.Compare(s.Offset, at)
		})
		next, began := at[one.Place]
		switch {
		case !there:
			c.checkSeen(r.Name, one)
			if from, known := c.origins[one.Value]; known && c.Transactions[from.transaction].Outcome != Aborted {
				c.report(LostWrite, "%s got %s at %v, which is gone in the end", r.Name, one.Value, one)
			}
			continue
		case list[index].Value != one.Value:
			c.report(Inconsistent, "%s got %s at %v, where %s is in the end",
				r.Name, one.Value, one, list[index].Value)
		case began && index < next:
			c.report(Backward, "%s got %s at %v again or too late", r.Name, one.Value, one)
			continue
		case began && index > next:
			c.report(Skipped, "%s went from before %v to %v and past %d records",
				r.Name, list[next], one, index-next)
		}
		at[one.Place] = index + 1
	}
}
