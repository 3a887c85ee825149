// Package requesttest is the part of a broker that requests meet, for tests: an image with topics and
// brokers, replicas over real logs with their real actors, and cores that commit at once, or when they are
// told to. There is no Raft and no write-ahead log behind it.
//
// Only tests import it.
package requesttest
