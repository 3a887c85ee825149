package protocol

import (
	"encoding/binary"
	"fmt"
)

// FrameError says that a peer announced a frame of impossible size. The connection cannot be read any
// further, since nobody knows where the next frame starts.
type FrameError struct {
	Size, Limit int
}

// Error implements error.
func (e *FrameError) Error() string {
	switch {
	case e.Size < 0:
		return fmt.Sprintf("frame of negative size %d", e.Size)
	case e.Size == 0:
		return "frame of size 0"
	}
	return fmt.Sprintf("frame of %d bytes is larger than the limit of %d", e.Size, e.Limit)
}

// FrameSize returns how many bytes follow the length prefix of a frame, or a *FrameError if the size is
// negative, zero or over limit. It is called before any memory is taken for the frame.
func FrameSize(prefix [4]byte, limit int) (int, error) {
	size := int(int32(binary.BigEndian.Uint32(prefix[:])))
	if size <= 0 || size > limit {
		return 0, &FrameError{Size: size, Limit: limit}
	}
	return size, nil
}
