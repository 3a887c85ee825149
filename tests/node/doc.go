// Package node runs the real server as a process of its own, for tests that kill it, starve it or fill its
// disk. It builds the binary once, starts it on a port that stays the same over restarts, reads its log and
// ends only what it started.
//
// It knows no Kafka client. Tests below tests/ import it and nothing else does.
package node
