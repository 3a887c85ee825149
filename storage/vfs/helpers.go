package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// MkdirAllSync makes a directory and the missing ones above it, all durable when it returns. It syncs the
// directories above also when nothing is missing: a process that died before may have made them without
// getting that far.
func MkdirAllSync(fsys FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	for dir = path.Clean(dir); dir != path.Dir(dir); {
		dir = path.Dir(dir)
		// A directory that we may not read is not one that we made something in a moment ago.
		if err := fsys.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// ReadFile returns the whole content of a file that is at most limit bytes long.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes, the limit is %d", name, size, limit)
	}
	data := make([]byte, size)
	if n, err := file.ReadAt(data, 0); err != nil && (err != io.EOF || int64(n) < size) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// WriteFileSync replaces the content of a file so that a crash at any moment leaves either the old or the
// new one: it writes name.tmp, syncs it, renames it and syncs the directory.
func WriteFileSync(fsys FS, name string, data []byte) error {
	temporary := name + ".tmp"
	file, err := fsys.Create(temporary)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(data, 0)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", temporary, err)
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}
