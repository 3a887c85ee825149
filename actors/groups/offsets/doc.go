// Package offsets is the table of the offsets that a group has committed. It is pure. It refuses to know
// why an offset may be committed or removed. Imported by actors/groups/consumers and coordinator.
package offsets
