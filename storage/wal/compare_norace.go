//go:build !race

package wal

// compareSums is for tests: to compare costs what a Sum saves.
const compareSums = false
