//go:build !linux

package conn

import (
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// send moves a piece of a file to the socket.
func (f *flush) send(r *partitionlog.Region) error { return f.copyFile(r) }

// attempt is not made here.
type attempt struct{}

// writeNow leaves all to the writer's goroutine.
func (w *writer) writeNow([][]byte) (int, error) { return 0, nil }
