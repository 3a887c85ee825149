//go:build race

package batch

// measured says whether allocations can be counted: the race detector adds its own.
const measured = false
