package conn

import (
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Sizes of the writer's steps.
const (
	// copyLimit is the largest piece of a file that is read into memory and sent together with its
	// neighbours; above it, sendfile saves the copy and is worth a system call of its own.
	copyLimit = 32 << 10
	// scratchSize is the memory for such pieces.
	scratchSize = 64 << 10
	// writeStep and fileStep are how much must leave within MaxWriteStall.
	writeStep = 256 << 10
	fileStep  = 1 << 20
)

// writer sends replies. It holds no goroutine and no buffer while there is nothing to send: what the socket
// does not take at once goes through a goroutine that lives for one flush of all replies that are ready.
type writer struct {
	socket  net.Conn
	raw     syscall.RawConn // nil if the socket has no file descriptor
	stall   time.Duration
	metrics *Metrics

	// Of writes in the actor's turn.
	attempt attempt
	buffers [][]byte // used again, empty in between
}

func newWriter(socket net.Conn, stall time.Duration, metrics *Metrics) *writer {
	w := &writer{socket: socket, stall: stall, metrics: metrics}
	if plain, ok := socket.(syscall.Conn); ok {
		if raw, err := plain.SyscallConn(); err == nil {
			w.raw = raw
		}
	}
	return w
}

// flush is one writing of replies, in order.
type flush struct {
	*writer
	pending net.Buffers
	size    int
	whole   *[scratchSize]byte // from scratches, nil until it is needed
	scratch []byte             // the used part; used again after every step, as pending may alias it
}

var scratches = sync.Pool{New: func() any { return new([scratchSize]byte) }}

// nowLimit is how many bytes and frames are written in the actor's turn, if the socket takes them.
const (
	nowLimitBytes  = 64 << 10
	nowLimitFrames = 64
	// keptBuffers is how many an idle connection keeps the slice for.
	keptBuffers = 4
)

// now writes replies in the actor's turn as far as the socket takes them without waiting, and returns those
// that are left. Most replies are small and go into the socket's buffer at once; a goroutine and a message
// for each would cost more than the write.
func (w *writer) now(frames []fetch.Frame) ([]fetch.Frame, error) {
	if w.raw == nil || len(frames) > nowLimitFrames {
		return frames, nil
	}
	size := 0
	for i := range frames {
		size += len(frames[i].Bytes)
		if len(frames[i].Splices) > 0 || size > nowLimitBytes {
			return frames, nil
		}
	}
	buffers := w.buffers[:0]
	for i := range frames {
		buffers = append(buffers, frames[i].Bytes)
	}
	n, err := w.writeNow(buffers)
	clear(buffers)
	if cap(buffers) <= keptBuffers {
		w.buffers = buffers[:0]
	}
	w.metrics.bytesOut.Add(float64(n))
	for len(frames) > 0 && n >= len(frames[0].Bytes) {
		n -= len(frames[0].Bytes)
		frames = frames[1:]
	}
	if n > 0 {
		frames[0].Bytes = frames[0].Bytes[n:]
	}
	return frames, err
}

// run is the goroutine of one flush. The frames belong to it; they count for so many bytes of memory.
func (w *writer) run(to kit.Address, frames []fetch.Frame, memory int64) {
	to.Tell(flushed{bytes: memory, err: w.write(frames)})
}

// write sends the frames and releases them, whatever happens. It takes the deadline away at the end, which
// would otherwise meet a write in the actor's turn long after.
func (w *writer) write(frames []fetch.Frame) (err error) {
	f := flush{writer: w}
	defer func() {
		for i := range frames {
			frames[i].Release()
		}
		if f.whole != nil {
			scratches.Put(f.whole)
		}
		if reason := recover(); reason != nil {
			err = fmt.Errorf("writer failed: %v", reason)
		}
		if err == nil {
			err = w.socket.SetWriteDeadline(time.Time{})
		}
	}()
	for i := range frames {
		if err := f.frame(&frames[i]); err != nil {
			return err
		}
	}
	return f.step()
}

// frame adds one reply.
func (f *flush) frame(frame *fetch.Frame) error {
	from := 0
	for i := range frame.Splices {
		splice := &frame.Splices[i]
		if err := f.bytes(frame.Bytes[from:splice.At]); err != nil {
			return err
		}
		from = splice.At
		if err := f.region(&splice.Region); err != nil {
			return err
		}
	}
	return f.bytes(frame.Bytes[from:])
}

// bytes adds memory that stays as it is until it has been sent.
func (f *flush) bytes(data []byte) error {
	for len(data) > 0 {
		part := data[:min(len(data), writeStep-f.size)]
		data = data[len(part):]
		f.pending = append(f.pending, part)
		f.size += len(part)
		if f.size == writeStep {
			if err := f.step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// region adds a piece of a file.
func (f *flush) region(r *partitionlog.Region) error {
	if r.Length > copyLimit {
		return f.send(r)
	}
	if f.whole == nil {
		f.whole = scratches.Get().(*[scratchSize]byte)
		f.scratch = f.whole[:0]
	}
	length := int(r.Length)
	if cap(f.scratch)-len(f.scratch) < length {
		if err := f.step(); err != nil {
			return err
		}
	}
	at := len(f.scratch)
	f.scratch = f.scratch[:at+length]
	if _, err := r.ReadAt(f.scratch[at:], 0); err != nil {
		return fmt.Errorf("read segment: %w", err)
	}
	return f.bytes(f.scratch[at:])
}

// step sends what was added.
func (f *flush) step() error {
	if f.size > 0 {
		if err := f.allow(); err != nil {
			return err
		}
		pending := f.pending
		if _, err := pending.WriteTo(f.socket); err != nil {
			return err
		}
		f.metrics.bytesOut.Add(float64(f.size))
	}
	clear(f.pending)
	f.pending, f.size, f.scratch = f.pending[:0], 0, f.scratch[:0]
	return nil
}

func (f *flush) allow() error { return f.socket.SetWriteDeadline(time.Now().Add(f.stall)) }

// copyFile sends a piece of a file through memory: for sockets and files without a descriptor.
func (f *flush) copyFile(r *partitionlog.Region) error {
	buf := make([]byte, min(r.Length, writeStep))
	for at := int64(0); at < r.Length; {
		part := buf[:min(int64(len(buf)), r.Length-at)]
		n, err := r.ReadAt(part, at)
		if n < len(part) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read segment: %w", err)
		}
		if err := f.bytes(part); err != nil {
			return err
		}
		if err := f.step(); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}
