package wal_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/chronik-go/chronik/storage/wal"
)

// model is what a log should contain, done the simple way. States in it are never changed in place, so a
// shallow copy of the map is a copy of everything.
type model map[wal.GroupID]wal.State

func (m model) apply(updates []wal.Update) model {
	next := maps.Clone(m)
	for _, u := range updates {
		if u.Remove {
			delete(next, u.Group)
		}
		if u.Hard == nil && u.ConfState == nil && u.Checkpoint == nil && len(u.Entries) == 0 {
			continue
		}
		next[u.Group] = applyTo(next[u.Group], u)
	}
	return next
}

func applyTo(s wal.State, u wal.Update) wal.State {
	s.Group = u.Group
	if u.Hard != nil {
		s.Hard = *u.Hard
	}
	if u.ConfState != nil {
		s.ConfState = u.ConfState
	}
	if c := u.Checkpoint; c != nil && c.Index >= s.Checkpoint.Index {
		s.Entries = afterCheckpoint(s, *c)
		s.Checkpoint = *c
	}
	if len(u.Entries) > 0 {
		keep := u.Entries[0].Index - s.Checkpoint.Index - 1
		s.Entries = append(slices.Clone(s.Entries[:keep]), u.Entries...)
	}
	return s
}

func afterCheckpoint(s wal.State, c wal.Checkpoint) []wal.Entry {
	if c.Index == s.Checkpoint.Index && c.Term == s.Checkpoint.Term {
		return s.Entries
	}
	for i, e := range s.Entries {
		if e.Index == c.Index && e.Term == c.Term {
			return s.Entries[i+1:]
		}
	}
	return nil
}

func last(s wal.State) uint64 { return s.Checkpoint.Index + uint64(len(s.Entries)) }

// difference describes how what a log holds differs from the model; empty if it does not.
func (m model) difference(w *wal.WAL) string {
	ids := w.Groups()
	if want := slices.Sorted(maps.Keys(m)); !slices.Equal(ids, want) {
		return fmt.Sprintf("groups are %v, want %v", ids, want)
	}
	for _, id := range ids {
		got, found, err := w.Load(id)
		if err != nil || !found {
			return fmt.Sprintf("load %d: found %v, %v", id, found, err)
		}
		if d := stateDifference(got, m[id]); d != "" {
			return fmt.Sprintf("group %d: %s", id, d)
		}
	}
	return ""
}

func stateDifference(got, want wal.State) string {
	a, b := got.Checkpoint, want.Checkpoint
	switch {
	case got.Hard != want.Hard:
		return fmt.Sprintf("hard state is %v, want %v", got.Hard, want.Hard)
	case !bytes.Equal(got.ConfState, want.ConfState):
		return fmt.Sprintf("conf state is %x, want %x", got.ConfState, want.ConfState)
	case a.Index != b.Index || a.Term != b.Term || !bytes.Equal(a.ConfState, b.ConfState) ||
		!bytes.Equal(a.Machine, b.Machine):
		return fmt.Sprintf("checkpoint is %v, want %v", a, b)
	case len(got.Entries) != len(want.Entries):
		return fmt.Sprintf("%d entries, want %d", len(got.Entries), len(want.Entries))
	}
	for i, e := range got.Entries {
		x := want.Entries[i]
		if e.Term != x.Term || e.Index != x.Index || e.Type != x.Type || !bytes.Equal(e.Data, x.Data) {
			return fmt.Sprintf("entry %d/%d is not entry %d/%d or has other data", e.Term, e.Index, x.Term,
				x.Index)
		}
	}
	return ""
}

// generator makes updates as Raft would send them.
type generator struct {
	rng    *rand.Rand
	groups int
	data   int // largest usual entry
}

func (g *generator) updates(m model) []wal.Update {
	updates := make([]wal.Update, 0, 4)
	for range 1 + g.rng.IntN(4) {
		u := g.update(m)
		updates = append(updates, u)
		m = m.apply(updates[len(updates)-1:])
	}
	return updates
}

func (g *generator) update(m model) wal.Update {
	id := wal.GroupID(1 + g.rng.IntN(g.groups))
	s := m[id]
	u := wal.Update{Group: id}
	switch g.rng.IntN(20) {
	case 0:
		u.Remove = true
		if g.rng.IntN(2) == 0 {
			return u
		}
		s = wal.State{}
	case 1:
		u.ConfState = g.bytes(40)
	case 2, 3, 4:
		u.Checkpoint = g.checkpoint(s)
		u.Compaction = made(s, *u.Checkpoint)
		if g.rng.IntN(2) == 0 {
			return u
		}
		s = applyTo(s, wal.Update{Group: id, Checkpoint: u.Checkpoint})
	}
	if g.rng.IntN(3) > 0 {
		u.Hard = &wal.HardState{Term: s.Hard.Term + uint64(g.rng.IntN(2)), Vote: g.rng.Uint64(),
			Commit: last(s)}
	}
	if g.rng.IntN(8) > 0 {
		u.Entries = g.entries(s)
	}
	return u
}

func (g *generator) checkpoint(s wal.State) *wal.Checkpoint {
	c := &wal.Checkpoint{ConfState: g.bytes(20), Machine: g.bytes(100)}
	switch kind := g.rng.IntN(10); {
	case kind == 0: // an old one
		c.Index, c.Term = s.Checkpoint.Index/2, s.Checkpoint.Term
	case kind == 1: // a snapshot from somebody further ahead
		c.Index, c.Term = last(s)+uint64(g.rng.IntN(20)), s.Hard.Term+1
	case len(s.Entries) > 0:
		e := s.Entries[g.rng.IntN(len(s.Entries))]
		c.Index, c.Term = e.Index, e.Term
		if kind == 2 { // from another history
			c.Term++
		}
	default:
		c.Index, c.Term = s.Checkpoint.Index, s.Checkpoint.Term
	}
	return c
}

// made tells whether a checkpoint could have been made from the entries of a group.
func made(s wal.State, c wal.Checkpoint) bool {
	for _, e := range s.Entries {
		if e.Index == c.Index && e.Term == c.Term {
			return true
		}
	}
	return false
}

func (g *generator) entries(s wal.State) []wal.Entry {
	first := last(s) + 1
	if len(s.Entries) > 0 && g.rng.IntN(6) == 0 { // an overwrite
		first -= uint64(g.rng.IntN(len(s.Entries) + 1))
	}
	term := max(s.Hard.Term, s.Checkpoint.Term) + uint64(g.rng.IntN(5)/4)
	entries := make([]wal.Entry, 1+g.rng.IntN(5))
	for i := range entries {
		size := g.data
		if g.rng.IntN(60) == 0 {
			size *= 20
		}
		entries[i] = wal.Entry{Term: term, Index: first + uint64(i), Type: uint8(g.rng.IntN(3)),
			Data: g.bytes(size)}
		if g.rng.IntN(2) == 0 {
			entries[i].Sum = sumOf(entries[i].Data, g.rng.IntN(len(entries[i].Data)+1))
		}
	}
	return entries
}

// sumOf returns the sum of what comes after so many bytes.
func sumOf(data []byte, after int) wal.Sum {
	rest := data[after:]
	return wal.Sum{Bytes: uint32(len(rest)), CRC: crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli))}
}

// bytes returns up to limit random bytes.
func (g *generator) bytes(limit int) []byte {
	b := make([]byte, g.rng.IntN(limit+1))
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return b
}
