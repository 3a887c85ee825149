package vfs

import (
	"math/rand/v2"
	"slices"
	"syscall"
)

// sectorSize is what disks write atomically; pages are what the kernel writes back.
const sectorSize = 512

// CrashClone returns what a machine would find after losing power now: everything that was synced, and of
// the rest whatever the seed decides. The receiver is not changed and may go on. Clones know no locks.
//
// Per directory the changes of names that were not synced have happened up to a random point or, half of
// the time, each by a coin of its own; journaling file systems do the former, the contract promises
// neither. Per file the writes that were not synced have all happened, not at all, up to a random point, or
// sector by sector or page by page at random.
func (m *Mem) CrashClone(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{rng: rng, survives: map[*nameChange]bool{}, copies: map[*memNode]*memNode{}}
	clone := NewMem()
	clone.capacity = m.capacity
	clone.root = c.node(m.root)
	clone.used = usedBy(clone.root)
	return clone
}

// DurableClone returns what is certain to be found after a crash: what was synced and nothing else.
func (m *Mem) DurableClone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{survives: map[*nameChange]bool{}, copies: map[*memNode]*memNode{}}
	clone := NewMem()
	clone.capacity = m.capacity
	clone.root = c.node(m.root)
	clone.used = usedBy(clone.root)
	return clone
}

// FlipBit changes one bit of a file as a failing disk would, unseen by Sync.
func (m *Mem) FlipBit(name string, offset int64, bit uint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.lookup(name)
	if node == nil || node.isDir() {
		return pathError("flip", name, syscall.EISDIR)
	}
	for _, c := range []*memContent{&node.content, &node.durableContent} {
		if offset >= c.size {
			continue
		}
		var b [1]byte
		c.read(b[:], offset)
		b[0] ^= 1 << (bit % 8)
		c.write(offset, b[:])
	}
	return nil
}

// crash builds the tree that is left. A nil rng lets nothing survive that was not synced.
type crash struct {
	rng      *rand.Rand
	survives map[*nameChange]bool // one decision per change, also for renames between two directories
	copies   map[*memNode]*memNode
}

func (c *crash) node(old *memNode) *memNode {
	if copied := c.copies[old]; copied != nil {
		return copied
	}
	fresh := &memNode{modified: old.modified, links: 1}
	c.copies[old] = fresh
	if old.isDir() {
		c.directory(old, fresh)
	} else {
		fresh.content = c.content(old)
		fresh.durableContent = fresh.content.clone()
	}
	return fresh
}

func (c *crash) directory(old, fresh *memNode) {
	names := make(map[string]*memNode, len(old.durableNames))
	for name, node := range old.durableNames {
		names[name] = node
	}
	c.decide(old.changes)
	for _, change := range old.changes {
		if change.durable || !c.survives[change] {
			continue
		}
		for _, e := range change.edits {
			if e.dir == old {
				e.set(names)
			}
		}
	}
	fresh.names, fresh.durableNames = map[string]*memNode{}, map[string]*memNode{}
	for _, name := range sortedKeys(names) {
		copied := c.node(names[name])
		fresh.names[name], fresh.durableNames[name] = copied, copied
	}
}

func (c *crash) decide(changes []*nameChange) {
	if c.rng == nil || len(changes) == 0 {
		return
	}
	inOrder := c.rng.IntN(2) == 0
	until := c.rng.IntN(len(changes) + 1)
	for i, change := range changes {
		if _, decided := c.survives[change]; decided {
			continue
		}
		if inOrder {
			c.survives[change] = i < until
		} else {
			c.survives[change] = c.rng.IntN(2) == 0
		}
	}
}

func (c *crash) content(old *memNode) memContent {
	content := old.durableContent.clone()
	if c.rng == nil || len(old.writes) == 0 {
		return content
	}
	switch c.rng.IntN(5) {
	case 0: // nothing reached the disk
	case 1: // everything did
		for _, w := range old.writes {
			content.apply(w)
		}
	case 2: // in order, up to a random point in the middle of a write
		until := c.rng.IntN(len(old.writes))
		for _, w := range old.writes[:until] {
			content.apply(w)
		}
		c.torn(&content, old.writes[until], sectorSize)
	case 3:
		for _, w := range old.writes {
			c.torn(&content, w, sectorSize)
		}
	case 4:
		for _, w := range old.writes {
			c.torn(&content, w, memPageSize)
		}
	}
	return content
}

// torn applies the pieces of a write that the coin lets through; pieces are aligned to unit.
func (c *crash) torn(content *memContent, w contentChange, unit int64) {
	if w.data == nil {
		if c.rng.IntN(2) == 0 {
			content.apply(w)
		}
		return
	}
	bias := c.rng.IntN(4) // 0: few pieces survive ... 3: most do
	for from := int64(0); from < int64(len(w.data)); {
		to := min(int64(len(w.data)), from+unit-(w.offset+from)%unit)
		if c.rng.IntN(4) <= bias {
			content.write(w.offset+from, w.data[from:to])
		}
		from = to
	}
}

func sortedKeys(names map[string]*memNode) []string {
	keys := make([]string, 0, len(names))
	for name := range names {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

func usedBy(node *memNode) int64 {
	used := node.content.size
	for _, child := range node.names {
		used += usedBy(child)
	}
	return used
}
