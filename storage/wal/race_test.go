//go:build race

package wal_test

// defaultSeeds is smaller here: the race detector makes everything ten times slower, and the log has no
// goroutines.
const defaultSeeds = 100
