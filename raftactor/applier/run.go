package applier

import "fmt"

// run gathers the Applies of a turn, so that the machine gets one call, and writes once, for all of them.
type run struct {
	entries []Entry
	waiters []Waiter // ordered by index
	lead    uint64   // the machine leads this term once entries are applied
	index   uint64   // of the last entry of the log covered; 0 if none is
}

// add takes over an Apply.
func (r *run) add(m Apply) {
	if len(r.entries) == 0 && len(r.waiters) == 0 {
		r.entries, r.waiters = m.Entries, m.Waiters // the common case: one Apply in a turn
	} else {
		r.entries = append(r.entries, m.Entries...)
		r.waiters = append(r.waiters, m.Waiters...)
	}
	if m.Index != 0 {
		r.index = m.Index
	}
	r.lead = m.Lead
}

// outcomes calls answer for each waiter with the result of its entry. The waiter leaves the run before it
// is answered, so that what is left after a panic has not been answered.
func (r *run) outcomes(results []any, answer func(w Waiter, result any)) {
	if len(results) != len(r.entries) {
		panic(fmt.Sprintf("BUG: got %d results, want one for each of %d entries", len(results), len(r.entries)))
	}
	next := 0
	for len(r.waiters) > 0 {
		w := r.waiters[0]
		result := w.Answer
		if !w.Wait {
			for next < len(r.entries) && r.entries[next].Index < w.Index {
				next++
			}
			if next == len(r.entries) || r.entries[next].Index != w.Index {
				panic(fmt.Sprintf("BUG: got a waiter for %d, want an entry there", w.Index))
			}
			result = results[next]
		}
		r.waiters = r.waiters[1:]
		answer(w, result)
	}
}

// refuse answers whoever is left.
func (r *run) refuse(err error) {
	for len(r.waiters) > 0 {
		w := r.waiters[0]
		r.waiters = r.waiters[1:]
		w.refuse(err)
	}
}
