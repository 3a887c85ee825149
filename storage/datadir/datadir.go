package datadir

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/chronik-go/chronik/storage/vfs"
)

const lockName = ".lock"

// Dir is a data directory that this process holds. Any goroutine may use it.
type Dir struct {
	fsys vfs.FS
	path string
	lock vfs.File

	mu   sync.Mutex // also held while meta is written, so that no change of it gets lost
	meta meta
}

// RefusedError says why a data directory must not be used, and what to do.
type RefusedError struct{ Dir, Reason string }

// Error implements error.
func (e *RefusedError) Error() string { return fmt.Sprintf("data directory %s %s", e.Dir, e.Reason) }

// Open takes the lock of a data directory and checks whose it is. A directory that is missing or empty
// becomes that of nodeID. What must not be used is refused with a *[RefusedError]; other errors come from
// the file system.
func Open(fsys vfs.FS, dir string, nodeID int32) (*Dir, error) {
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	d := &Dir{fsys: fsys, path: dir}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if err := d.load(nodeID); err != nil {
		_ = d.lock.Close() // the error worth telling is err
		return nil, err
	}
	return d, nil
}

// Path returns the path of a name in the directory; of the directory itself if name is empty.
func (d *Dir) Path(name string) string { return path.Join(d.path, name) }

// NodeID returns the node that the directory belongs to.
func (d *Dir) NodeID() int32 { return d.card().nodeID }

// ID returns the id of the directory, in Kafka's form of a UUID: 22 characters of URL-safe base64.
func (d *Dir) ID() string { return d.card().directoryID }

// ClusterID returns the cluster that the directory belongs to; empty if it never was part of one.
func (d *Dir) ClusterID() string { return d.card().clusterID }

// Founders returns whom this node saw fresh when it decided to found a cluster, itself included; nil if it
// never did. A node that was one of them may then join in founding that cluster, and no other.
func (d *Dir) Founders() []Founder { return slices.Clone(d.card().founders) }

// Incarnation returns which incarnation of the node's replica of the metadata this directory holds, 0 if that
// is not known yet.
func (d *Dir) Incarnation() uint32 { return d.card().incarnation }

// Fresh tells whether the directory knows of no cluster at all: it has never founded one, was never told
// which one it belongs to and holds no replica of the metadata.
func (d *Dir) Fresh() bool {
	m := d.card()
	return m.clusterID == "" && len(m.founders) == 0 && m.incarnation == 0
}

func (d *Dir) card() meta {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.meta
}

// JoinCluster notes, durably, that the directory belongs to a cluster from now on. It is refused with a
// *[RefusedError] if it belongs to another one.
func (d *Dir) JoinCluster(id string) error {
	if id == "" || strings.ContainsAny(id, "\r\n") || strings.TrimSpace(id) != id {
		return fmt.Errorf("cluster id %q is not valid", id)
	}
	return d.change(func(m *meta) error {
		if m.clusterID != "" && m.clusterID != id {
			return d.refuse("belongs to cluster %s, this node is to join cluster %s; "+
				"use another directory, or configure the peers of the right cluster", m.clusterID, id)
		}
		m.clusterID = id
		return nil
	})
}

// Found notes, durably, with whom this node founds a cluster. It must be noted before the node does anything
// by which a cluster could come to be. A directory that is part of a cluster is refused with a
// *[RefusedError], and so is a second founding by others: the first one may have succeeded.
func (d *Dir) Found(founders []Founder) error {
	if err := checkFounders(founders); err != nil {
		return fmt.Errorf("found a cluster: %w", err)
	}
	return d.change(func(m *meta) error {
		switch {
		case slices.Equal(m.founders, founders):
			return nil
		case m.clusterID != "":
			return d.refuse("belongs to cluster %s and cannot found another one; use an empty directory", m.clusterID)
		case len(m.founders) > 0:
			return d.refuse("was to found a cluster with the nodes %s, and cannot found one with %s; bring these "+
				"nodes back, or use an empty directory", formatFounders(m.founders), formatFounders(founders))
		case m.incarnation != 0:
			return d.refuse("is to join a cluster that exists and cannot found one; use an empty directory")
		}
		m.founders = slices.Clone(founders)
		return nil
	})
}

// SetIncarnation notes, durably, which incarnation of the node's metadata replica this directory holds. It
// never changes: what one incarnation has promised another one must not forget. Another number is refused
// with a *[RefusedError].
func (d *Dir) SetIncarnation(incarnation uint32) error {
	if incarnation == 0 {
		return errors.New("incarnation 0 stands for none")
	}
	return d.change(func(m *meta) error {
		if m.incarnation != 0 && m.incarnation != incarnation {
			return d.refuse("holds incarnation %d of node %d, the cluster knows it as incarnation %d; "+
				"use an empty directory", m.incarnation, m.nodeID, incarnation)
		}
		m.incarnation = incarnation
		return nil
	})
}

// change replaces the identity card by a changed one, unless there is nothing to change.
func (d *Dir) change(edit func(m *meta) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.meta
	if err := edit(&next); err != nil {
		return err
	}
	if bytes.Equal(next.encode(), d.meta.encode()) {
		return nil
	}
	if err := d.write(next); err != nil {
		return err
	}
	d.meta = next
	return nil
}

// Close releases the lock. The lock file stays: removing it would let two processes lock different files.
func (d *Dir) Close() error { return d.lock.Close() }

func (d *Dir) refuse(format string, values ...any) error {
	return &RefusedError{Dir: d.path, Reason: fmt.Sprintf(format, values...)}
}

// takeLock locks the directory and leaves the process id for others to find.
func (d *Dir) takeLock() error {
	name := d.Path(lockName)
	lock, err := d.fsys.Lock(name)
	if errors.Is(err, vfs.ErrLocked) {
		return d.refuse("is in use by %s; stop it first, or use another directory", d.holder())
	}
	if err != nil {
		return fmt.Errorf("lock data directory: %w", err)
	}
	// The id is a help for people and nothing depends on it; a full disk must not keep the node from
	// starting.
	if err := lock.Truncate(0); err == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	d.lock = lock
	return nil
}

// holder describes the process that has the lock.
func (d *Dir) holder() string {
	const unknown = "another process"
	file, err := d.fsys.Open(d.Path(lockName))
	if err != nil {
		return unknown
	}
	defer file.Close()
	var b [20]byte
	n, err := file.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return unknown
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(b[:n])), 10, 32)
	if err != nil {
		return unknown
	}
	return fmt.Sprintf("process %d", pid)
}

// load reads meta.properties, or writes it in a directory that is empty.
func (d *Dir) load(nodeID int32) error {
	data, err := vfs.ReadFile(d.fsys, d.Path(metaName), metaLimit)
	if vfs.IsNotExist(err) {
		return d.create(nodeID)
	}
	if err != nil {
		return err
	}
	m, err := parseMeta(data)
	if foreign, ok := errors.AsType[errForeign](err); ok {
		return d.refuse("was written by another program (%v in %s); use an empty directory",
			foreign, metaName)
	}
	if newer, ok := errors.AsType[errNewer](err); ok {
		return d.refuse("was written by a newer version of this program (%v); "+
			"start that version or a later one", newer)
	}
	if err != nil {
		return d.refuse("has a damaged %s: %v; restore the file from a backup, "+
			"or use an empty directory and let the node catch up from its peers", metaName, err)
	}
	if m.nodeID != nodeID {
		return d.refuse("belongs to node %d, this is node %d; "+
			"set the node id to %d, or use another directory", m.nodeID, nodeID, m.nodeID)
	}
	d.meta = m
	return nil
}

func (d *Dir) create(nodeID int32) error {
	names, err := d.fsys.List(d.path)
	if err != nil {
		return fmt.Errorf("list data directory: %w", err)
	}
	for _, name := range names {
		if !harmless(name) {
			return d.refuse("contains %q but no %s, so it is not known whose data this is; "+
				"use an empty directory, or restore %s", name, metaName, metaName)
		}
	}
	m := meta{nodeID: nodeID, directoryID: newID()}
	if err := d.write(m); err != nil {
		return err
	}
	d.meta = m
	return nil
}

// harmless tells whether a name may be in a directory that is used for the first time: what a first start
// leaves that was cut short, what file systems put into their root, and hidden files.
func harmless(name string) bool {
	return name == "lost+found" || name == metaName+".tmp" || strings.HasPrefix(name, ".")
}

func (d *Dir) write(m meta) error {
	if err := vfs.WriteFileSync(d.fsys, d.Path(metaName), m.encode()); err != nil {
		return fmt.Errorf("write identity of data directory: %w", err)
	}
	return nil
}

// newID returns a random UUID in Kafka's form. Kafka avoids a leading dash, which looks like an option on
// command lines.
func newID() string {
	for {
		var b [16]byte
		_, _ = rand.Read(b[:])  // documented never to fail
		b[6] = b[6]&0x0f | 0x40 // version 4
		b[8] = b[8]&0x3f | 0x80 // variant
		id := base64.RawURLEncoding.EncodeToString(b[:])
		if id[0] != '-' {
			return id
		}
	}
}
