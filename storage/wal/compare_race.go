//go:build race

package wal

// compareSums has each Sum compared with the bytes that it is said to be of, in the tests of everything above
// the log too.
const compareSums = true
