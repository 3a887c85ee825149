package partitionlog

import (
	"hash/maphash"

	"github.com/chronik-go/chronik/protocol"
)

// keyMap holds the last offset of each key in a part of a log. Its size never changes: a compaction that has
// more keys than fit takes several passes. It keeps 128 bits of a keyed hash in place of the key. They are
// not shared by two keys of one log in the lifetime of many disks, and as the hash is seeded by chance at the
// start of the process nobody can choose keys that share them and so make another's records disappear.
type keyMap struct {
	slots []keySlot // a power of two
	limit int       // keys at which it is full
	count int
}

// keySlot is one key; next 0 is a free slot.
type keySlot struct {
	first, second uint64
	next          protocol.Offset // last offset plus one
}

// keySlotBytes is the size of a keySlot.
const keySlotBytes = 24

// leastKeys is how many keys the smallest map holds.
const leastKeys = 1 << 10

var firstSeed, secondSeed = maphash.MakeSeed(), maphash.MakeSeed()

// newKeyMap returns a map for a number of keys, or for fewer if that would take more than maxBytes.
func newKeyMap(keys, maxBytes int64) *keyMap {
	slots := int64(2 * leastKeys)
	for slots*3/4 < keys && 2*slots*keySlotBytes <= maxBytes {
		slots *= 2
	}
	return &keyMap{slots: make([]keySlot, slots), limit: int(slots * 3 / 4)}
}

// clear forgets all keys.
func (m *keyMap) clear() {
	clear(m.slots)
	m.count = 0
}

// put notes the offset of a key, which is above those noted before. It returns false if the key is new and
// the map full.
func (m *keyMap) put(key []byte, offset protocol.Offset) bool {
	s := m.find(key)
	if s.next == 0 {
		if m.count >= m.limit {
			return false
		}
		m.count++
		s.first, s.second = maphash.Bytes(firstSeed, key), maphash.Bytes(secondSeed, key)
	}
	s.next = offset + 1
	return true
}

// superseded tells whether the map knows a later offset of the key.
func (m *keyMap) superseded(key []byte, offset protocol.Offset) bool {
	return m.count > 0 && m.find(key).next > offset+1
}

// find returns the slot of a key, or the free one where it would go.
func (m *keyMap) find(key []byte) *keySlot {
	first, second := maphash.Bytes(firstSeed, key), maphash.Bytes(secondSeed, key)
	mask := uint64(len(m.slots) - 1)
	for i := first & mask; ; i = (i + 1) & mask {
		s := &m.slots[i]
		if s.next == 0 || s.first == first && s.second == second {
			return s
		}
	}
}
