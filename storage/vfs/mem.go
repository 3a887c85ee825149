package vfs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory with a model of what a crash does to it. It is for tests; a single mutex
// guards all of it, which is allowed here because it is no actor.
type Mem struct {
	mu       sync.Mutex
	root     *memNode
	locks    map[*memNode]bool
	capacity int64 // bytes; 0 means no limit
	used     int64 // bytes of all live files, by length
}

// memNode is a file or, when names is set, a directory.
type memNode struct {
	modified time.Time

	// Directories: the names as the process sees them, those on disk, and the changes between the two,
	// oldest first.
	names, durableNames map[string]*memNode
	changes             []*nameChange

	// Files: the content as the process sees it, the one on disk, and the changes between the two, oldest
	// first.
	content, durableContent memContent
	writes                  []contentChange
	links                   int // 1 while it has a name; its room is free again when it has none
}

// nameChange is one change of names that is not durable yet. A rename between directories is noted in both
// and reaches the disk with the first of them.
type nameChange struct {
	durable bool
	edits   []nameEdit
}

// nameEdit sets (or with a nil node removes) one name in one directory.
type nameEdit struct {
	dir  *memNode
	name string
	node *memNode
}

// NewMem returns an empty file system without a size limit.
func NewMem() *Mem { return &Mem{root: newMemDir(), locks: map[*memNode]bool{}} }

func newMemDir() *memNode {
	return &memNode{names: map[string]*memNode{}, durableNames: map[string]*memNode{}, modified: time.Now()}
}

func (n *memNode) isDir() bool { return n.names != nil }

// SetCapacity limits the sum of all file lengths; what would grow beyond fails with ENOSPC. 0 lifts the
// limit.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return opened(m.open("open", name, false, false)) }

// OpenReadWrite implements FS.
func (m *Mem) OpenReadWrite(name string) (File, error) {
	return opened(m.open("open", name, true, false))
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	file, err := m.open("create", name, true, true)
	if err == nil {
		err = file.Truncate(0)
	}
	return opened(file, err)
}

// opened keeps a nil pointer from becoming a File that is not nil.
func opened[F File](file F, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (m *Mem) open(op, name string, writable, create bool) (*memFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(op, name)
	if err != nil {
		return nil, err
	}
	node := dir.names[base]
	switch {
	case node == nil && !create:
		return nil, pathError(op, name, fs.ErrNotExist)
	case node == nil:
		node = &memNode{links: 1, modified: time.Now()}
		change(nameEdit{dir, base, node})
	case node.isDir():
		return nil, pathError(op, name, syscall.EISDIR)
	}
	return &memFile{fs: m, node: node, name: name, writable: writable}, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	node := dir.names[base]
	if node == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if len(node.names) > 0 {
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	m.unlink(node)
	change(nameEdit{dir, base, nil})
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fromDir, fromBase, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	toDir, toBase, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	node, replaced := fromDir.names[fromBase], toDir.names[toBase]
	switch {
	case node == nil:
		return pathError("rename", from, fs.ErrNotExist)
	case node == replaced:
		return nil
	case replaced != nil && (replaced.isDir() || node.isDir()):
		return pathError("rename", to, fs.ErrExist)
	case replaced != nil:
		m.unlink(replaced)
	}
	change(nameEdit{fromDir, fromBase, nil}, nameEdit{toDir, toBase, node})
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.root
	for _, part := range parts(dir) {
		next := at.names[part]
		if next == nil {
			next = newMemDir()
			change(nameEdit{at, part, next})
		}
		if !next.isDir() {
			return pathError("mkdir", dir, syscall.ENOTDIR)
		}
		at = next
	}
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.directory("list", dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(node.names))
	for name := range node.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.lookup(name)
	if node == nil {
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	return Info{Size: node.content.size, ModTime: node.modified, IsDir: node.isDir()}, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, err := m.directory("sync", dir)
	if err != nil {
		return err
	}
	for _, c := range node.changes {
		c.apply()
	}
	node.changes = nil
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (File, error) {
	file, err := m.open("lock", name, true, true)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locks[file.node] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locks[file.node] = true
	file.locked = true
	return file, nil
}

// Free implements FS. Without a capacity there is room for a terabyte.
func (m *Mem) Free(string) (Space, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := m.capacity
	if total == 0 {
		total = 1 << 40
	}
	return Space{Free: max(total-m.used, 0), Total: total}, nil
}

// change makes edits visible at once and notes them for the disk.
func change(edits ...nameEdit) {
	c := &nameChange{edits: edits}
	for i, e := range edits {
		e.set(e.dir.names)
		if i == 0 || e.dir != edits[0].dir {
			e.dir.changes = append(e.dir.changes, c)
		}
	}
}

func (e nameEdit) set(names map[string]*memNode) {
	if e.node == nil {
		delete(names, e.name)
	} else {
		names[e.name] = e.node
	}
}

// apply makes a change durable, once.
func (c *nameChange) apply() {
	if c.durable {
		return
	}
	c.durable = true
	for _, e := range c.edits {
		e.set(e.dir.durableNames)
	}
}

// unlink gives back the room of a file that loses its name.
func (m *Mem) unlink(node *memNode) {
	if !node.isDir() {
		node.links = 0
		m.used -= node.content.size
	}
}

func parts(name string) []string {
	clean := strings.Trim(path.Clean("/"+name), "/")
	if clean == "" {
		return nil
	}
	return strings.Split(clean, "/")
}

func (m *Mem) lookup(name string) *memNode {
	at := m.root
	for _, part := range parts(name) {
		if at = at.names[part]; at == nil {
			return nil
		}
	}
	return at
}

func (m *Mem) directory(op, name string) (*memNode, error) {
	node := m.lookup(name)
	if node == nil {
		return nil, pathError(op, name, fs.ErrNotExist)
	}
	if !node.isDir() {
		return nil, pathError(op, name, syscall.ENOTDIR)
	}
	return node, nil
}

// parent returns the directory that holds name, and the last part of name.
func (m *Mem) parent(op, name string) (*memNode, string, error) {
	clean := path.Clean("/" + name)
	dir, err := m.directory(op, path.Dir(clean))
	return dir, path.Base(clean), err
}

func pathError(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
