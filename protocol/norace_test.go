//go:build !race

package protocol

// measured says whether allocations can be counted: the race detector adds its own.
const measured = true
