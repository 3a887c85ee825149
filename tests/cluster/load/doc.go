// Package load writes to a cluster and keeps the books: what was sent, when and where it was acknowledged,
// and, at the end, whether all of it is there, once, in order. A Load is a set of idempotent producers that
// send at a fixed rate whatever happens, so that a stall shows in every record that it delays. Librdkafka
// drives a second, independent client through its own program.
//
// Tests below tests/ import it and nothing else does.
package load
