package fetch

import (
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Frame is a reply as it goes to the socket: bytes, with pieces of segment files between them. Whoever holds
// a frame owns its regions and releases them once, by sending or by dropping it.
type Frame struct {
	Bytes   []byte
	Splices []Splice // ascending by At
}

// Splice is a piece of a file that belongs between Bytes[:At] and Bytes[At:].
type Splice struct {
	At     int
	Region partitionlog.Region
}

// Size returns how many bytes go to the socket.
func (f Frame) Size() int64 {
	size := int64(len(f.Bytes))
	for i := range f.Splices {
		size += f.Splices[i].Region.Length
	}
	return size
}

// Release gives the regions back. It is called once for every frame.
func (f Frame) Release() {
	for i := range f.Splices {
		f.Splices[i].Region.Release()
	}
}
