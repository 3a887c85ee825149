// Package crash kills the real server with SIGKILL under load, again and again, and proves after each restart
// that every acknowledged record is there: at the offset that was acknowledged, with the bytes that were
// sent, in the order of its producer, and exactly once if the producer is idempotent.
//
// The loss of power, which also takes what was written but not synced, is the matter of tests/powerloss.
//
// CHRONIK_SOAK=30m makes it go on for so long instead of 50 kills; CHRONIK_COMPACTION_KILLS=100 kills so many
// times during compaction.
package crash
