package kit

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// InOrder ranges over a map in the order of its keys. It is for maps whose entries are sent, written or
// spawned one after the other: Go takes them in another order each time, and a simulation of a cluster
// could not be run again. Entries that are deleted on the way are not visited any more.
func InOrder[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return inOrder(m, func() []K { return slices.Sorted(maps.Keys(m)) })
}

// InOrderOf is InOrder for keys without an order of their own.
func InOrderOf[K comparable, V any](m map[K]V, compare func(a, b K) int) iter.Seq2[K, V] {
	return inOrder(m, func() []K { return slices.SortedFunc(maps.Keys(m), compare) })
}

func inOrder[K comparable, V any](m map[K]V, sorted func() []K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if len(m) < 2 {
			maps.All(m)(yield)
			return
		}
		for _, key := range sorted() {
			if value, is := m[key]; is && !yield(key, value) {
				return
			}
		}
	}
}
