package vfs

import (
	"fmt"
	"io"
	"path"
)

// MkdirAllSync makes a directory and the missing ones above it, all durable when it returns.
func MkdirAllSync(fsys FS, dir string) error {
	dir = path.Clean(dir)
	if info, err := fsys.Stat(dir); err == nil && info.IsDir {
		return nil
	}
	parent := path.Dir(dir)
	if parent != dir {
		if err := MkdirAllSync(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
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

// WriteFileSync replaces the content of a file so that a crash at any moment leaves either the old or the new one:
// it writes name.tmp, syncs it, renames it and syncs the directory.
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
