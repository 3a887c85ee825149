// Package offsets is the table of the offsets that a group has committed, and of those that open transactions
// are about to commit. It is pure. It refuses to know why an offset may be committed or removed. Imported by
// actors/groups/consumers and coordinator.
package offsets
