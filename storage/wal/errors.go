package wal

import (
	"errors"
	"fmt"
)

// ErrNoSpace is returned by Append and Open when a new file is needed and the disk is full. Nothing was
// written and the log works on. Updates without entries are taken even then.
var ErrNoSpace = errors.New("no space left for a new log file")

// ErrFailed is wrapped by everything that a log returns after a write or sync failed. What the disk holds
// is unknown from then on; the only way forward is to open the log again.
var ErrFailed = errors.New("write-ahead log has failed")

// ErrNewerFormat is wrapped by Open when a newer version of the program wrote the log.
var ErrNewerFormat = errors.New("log was written by a newer version; start that version or a later one")

// CorruptError reports bytes that were durable once and cannot be trusted any more.
type CorruptError struct {
	File     string
	Position int64 // of the frame or record
	Reason   string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("write-ahead log is corrupt: %s at byte %d: %s", e.File, e.Position, e.Reason)
}

// UpdateError reports an update that contradicts what the log holds of its group. Nothing of the Append was
// written.
type UpdateError struct {
	Update int // its place in the argument of Append
	Group  GroupID
	Reason string
}

// Error implements error.
func (e *UpdateError) Error() string {
	return fmt.Sprintf("update of group %d cannot follow what the log holds: %s", e.Group, e.Reason)
}
