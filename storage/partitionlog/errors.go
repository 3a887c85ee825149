package partitionlog

import (
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/protocol"
)

// ErrOffsetOutOfRange is returned for an offset below the log start or above the end. The reader is told
// Kafka's OFFSET_OUT_OF_RANGE and looks up where to go on.
var ErrOffsetOutOfRange error = &protocol.Error{Code: protocol.OffsetOutOfRange}

// errReplaced is returned by a segment that a compacted one has replaced; a newer view has that.
var errReplaced = errors.New("the segment was replaced by a compacted one")

// ErrClosed is returned by a Log after Close or Delete. Whoever gets it uses a log that is no longer his.
var ErrClosed = errors.New("partition log is closed")

// CorruptError says that bytes of our own are not what was written. What it names is never served again by
// this process; the rest of the log is.
type CorruptError struct {
	File     string
	Position int64 // of the batch or entry
	Reason   string
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at position %d: %s", e.File, e.Position, e.Reason)
}
