package config

import (
	"slices"
	"strings"
)

// longestSlip bounds the words that are compared: no key is nearly as long, and comparing takes time.
const longestSlip = 100

// suggest returns the key or table that was probably meant by an unknown key: the nearest one, or the one
// whose last part is near, for a key written in the wrong table.
func suggest(key string) (string, bool) {
	names := []string{peersKey, "peers.id", "peers.kafka", "peers.wal", "peers.raft"}
	var lastParts []string
	for _, s := range settings {
		names = append(names, s.Key)
		lastParts = append(lastParts, lastPart(s.Key))
		if table, _, found := strings.Cut(s.Key, "."); found {
			names = append(names, table)
		}
	}
	if near, found := nearest(key, names); found {
		return near, true
	}
	near, found := nearest(lastPart(key), lastParts)
	if !found {
		return "", false
	}
	return settings[slices.Index(lastParts, near)].Key, true
}

// nearest returns the candidate with the smallest edit distance to word, if that is small enough for word
// to be a slip of it: at most a third of its length, and one at least.
func nearest(word string, candidates []string) (string, bool) {
	if len(word) > longestSlip {
		return "", false
	}
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range candidates {
		if d := distance(word, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best, best != ""
}

// distance is the number of bytes to insert, remove, replace or swap with a neighbour that turns a into b.
func distance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
