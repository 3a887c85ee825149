// Package lab runs a cluster of real server processes for tests that start, stop, kill, freeze and wipe its
// nodes. It writes their configuration, keeps all they log, looks at them as clients and operators do, and
// ends only what it started.
//
// It knows nothing of load: that is tests/cluster/load. Tests below tests/ import it and nothing else does.
package lab
