package conn

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/chronik-go/chronik/storage/partitionlog"
)

// send lets the kernel move a piece of a file to the socket. net.TCPConn.ReadFrom would do it too, but from
// the file's own position, which readers share; here the offset is explicit.
func (f *flush) send(r *partitionlog.Region) error {
	file, ok := r.Fd()
	if !ok || f.raw == nil {
		return f.copyFile(r)
	}
	if err := f.step(); err != nil {
		return err
	}
	at, end := r.Position, r.Position+r.Length
	for at < end {
		if err := f.allow(); err != nil {
			return err
		}
		n, err := f.sendPart(int(file), at, int(min(end-at, fileStep)))
		if err != nil {
			return err
		}
		f.metrics.bytesOut.Add(float64(n))
		at += int64(n)
	}
	return nil
}

// sendPart sends at most most bytes from a position and returns how many it were, which is at least one.
func (f *flush) sendPart(file int, at int64, most int) (n int, err error) {
	waitErr := f.raw.Write(func(socket uintptr) bool {
		for {
			offset := at
			n, err = unix.Sendfile(int(socket), file, &offset, most)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	switch {
	case waitErr != nil:
		return 0, waitErr
	case err != nil:
		return 0, fmt.Errorf("sendfile: %w", err)
	case n == 0:
		return 0, fmt.Errorf("sendfile: segment ends before %d: %w", at, io.ErrUnexpectedEOF)
	}
	return n, nil
}

// attempt is a write in the actor's turn. It belongs to the writer and is used again for each, as what the
// socket's lock is given to call would otherwise be made for every reply.
type attempt struct {
	buffers [][]byte
	n       int
	err     error
	call    func(socket uintptr) bool
}

func (a *attempt) write(socket uintptr) bool {
	if len(a.buffers) == 1 {
		a.n, a.err = unix.Write(int(socket), a.buffers[0])
	} else {
		a.n, a.err = unix.Writev(int(socket), a.buffers)
	}
	return true
}

// writeNow writes as much of the buffers as the socket takes at once, without ever waiting.
func (w *writer) writeNow(buffers [][]byte) (n int, err error) {
	if w.raw == nil {
		return 0, nil
	}
	a := &w.attempt
	if a.call == nil {
		a.call = a.write
	}
	a.buffers = buffers
	waitErr := w.raw.Write(a.call)
	a.buffers = nil
	n, err = max(a.n, 0), a.err
	switch {
	case waitErr != nil:
		return 0, waitErr
	case err == unix.EAGAIN || err == unix.EINTR:
		return n, nil
	}
	return n, err
}
