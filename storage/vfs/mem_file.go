package vfs

import (
	"io"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// memPageSize is the unit of memory of file content; pages that were never written take none.
const memPageSize = 4096

// memPage is a piece of content. Once it is shared it belongs to several clones, which may be used at the
// same time, and never changes again: who writes to it takes a copy.
type memPage struct {
	data   [memPageSize]byte
	shared bool
}

// memContent is the content of a file; missing pages read as zero.
type memContent struct {
	size  int64
	pages []*memPage
}

// contentChange is a write, or with nil data a change of the length to offset.
type contentChange struct {
	offset int64
	data   []byte
}

func (c *memContent) resize(size int64) {
	if size < c.size {
		keep := int((size + memPageSize - 1) / memPageSize)
		if keep < len(c.pages) {
			clear(c.pages[keep:])
			c.pages = c.pages[:keep]
		}
		if rest := size % memPageSize; rest != 0 && keep <= len(c.pages) && c.pages[keep-1] != nil {
			clear(c.own(keep - 1).data[rest:])
		}
	}
	c.size = size
}

func (c *memContent) write(offset int64, data []byte) {
	c.size = max(c.size, offset+int64(len(data)))
	for len(data) > 0 {
		index, at := int(offset/memPageSize), int(offset%memPageSize)
		for len(c.pages) <= index {
			c.pages = append(c.pages, nil)
		}
		n := copy(c.own(index).data[at:], data)
		data, offset = data[n:], offset+int64(n)
	}
}

// own returns a page that may be written to.
func (c *memContent) own(index int) *memPage {
	switch p := c.pages[index]; {
	case p == nil:
		c.pages[index] = new(memPage)
	case p.shared:
		c.pages[index] = &memPage{data: p.data}
	}
	return c.pages[index]
}

func (c *memContent) read(p []byte, offset int64) int {
	if offset >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-offset)]
	done := 0
	for done < len(p) {
		index, at := int(offset/memPageSize), int(offset%memPageSize)
		rest := p[done:min(len(p), done+memPageSize-at)]
		if index < len(c.pages) && c.pages[index] != nil {
			copy(rest, c.pages[index].data[at:])
		} else {
			clear(rest)
		}
		done, offset = done+len(rest), offset+int64(len(rest))
	}
	return done
}

func (c *memContent) apply(change contentChange) {
	if change.data == nil {
		c.resize(change.offset)
	} else {
		c.write(change.offset, change.data)
	}
}

func (c *memContent) clone() memContent {
	for _, p := range c.pages {
		if p != nil && !p.shared { // other clones may be looking at those that are
			p.shared = true
		}
	}
	return memContent{size: c.size, pages: slices.Clone(c.pages)}
}

// memFile is an open file of Mem.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	locked   bool
	closed   bool
}

func (f *memFile) check(op string, writes bool) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if writes && !f.writable {
		return pathError(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	n := f.node.content.read(p, offset)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, offset int64) (int, error) {
	return f.WritevAt([][]byte{p}, offset)
}

// WritevAt writes as much as there is room for when the disk is full, as a real file system does.
func (f *memFile) WritevAt(buffers [][]byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	total := 0
	for _, buffer := range buffers {
		total += len(buffer)
	}
	if total == 0 {
		return 0, nil
	}
	fits := min(int64(total), f.fs.room(f.node)-offset)
	if fits <= 0 {
		return 0, pathError("write", f.name, syscall.ENOSPC)
	}
	data := make([]byte, 0, total)
	for _, buffer := range buffers {
		data = append(data, buffer...)
	}
	f.change(contentChange{offset: offset, data: data[:fits]})
	if fits < int64(total) {
		return int(fits), pathError("write", f.name, syscall.ENOSPC)
	}
	return total, nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	if size != f.node.content.size {
		f.change(contentChange{offset: size})
	}
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("fallocate", true); err != nil {
		return err
	}
	if size <= f.node.content.size {
		return nil
	}
	if size > f.fs.room(f.node) {
		return pathError("fallocate", f.name, syscall.ENOSPC)
	}
	f.change(contentChange{offset: size})
	return nil
}

// change applies a change to the visible content and notes it for the disk.
func (f *memFile) change(c contentChange) {
	before := f.node.content.size
	f.node.content.apply(c)
	f.node.writes = append(f.node.writes, c)
	f.node.modified = time.Now()
	if f.node.links > 0 {
		f.fs.used += f.node.content.size - before
	}
}

// room returns the length up to which a file can grow.
func (m *Mem) room(node *memNode) int64 {
	if m.capacity == 0 {
		return 1 << 62
	}
	return max(m.capacity-m.used, 0) + node.content.size
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	for _, c := range f.node.writes {
		f.node.durableContent.apply(c)
	}
	f.node.writes = nil
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("stat", false); err != nil {
		return 0, err
	}
	return f.node.content.size, nil
}

func (f *memFile) WriteBack(int64, int64) {}

func (f *memFile) Evict() {}

func (f *memFile) Fd() (uintptr, bool) { return 0, false }

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	if f.locked {
		delete(f.fs.locks, f.node)
	}
	return nil
}
