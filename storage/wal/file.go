package wal

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/storage/vfs"
)

const (
	logSuffix   = ".wal"
	spareSuffix = ".spare"
)

// file is a file of the log, open for reading, and the newest one for writing.
type file struct {
	handle                vfs.File
	path                  string
	sequence, incarnation uint64
	seed                  uint32
	capacity              int64 // bytes allocated; the newest file only
	end                   int64 // where the valid part ends and, in the newest file, the next frame goes
	live                  int   // live entries in it, and those that a Reading has still to read
	referenced            int64 // bytes outside of the log that its entries refer to
}

// spare is an allocated file whose content does not matter.
type spare struct {
	handle vfs.File
	path   string
}

func fileName(sequence uint64, suffix string) string { return fmt.Sprintf("%010d%s", sequence, suffix) }

// parseName returns the sequence in the name of a file of ours.
func parseName(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	sequence, err := strconv.ParseUint(digits, 10, 32)
	return sequence, err == nil && fileName(sequence, suffix) == name
}

func (w *WAL) logPath(sequence uint64) string { return path.Join(w.dir, fileName(sequence, logSuffix)) }

// list returns the sequences of the log files and of the spare files, ascending. Other names are not ours.
func (w *WAL) list() (logs, spares []uint64, err error) {
	names, err := w.fsys.List(w.dir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if sequence, ok := parseName(name, logSuffix); ok {
			logs = append(logs, sequence)
		} else if sequence, ok := parseName(name, spareSuffix); ok {
			spares = append(spares, sequence)
		}
	}
	return logs, spares, nil
}

// openFile opens a log file and checks its header. Any incarnation is welcome if want is 0.
func (w *WAL) openFile(sequence, want uint64) (*file, error) {
	name := w.logPath(sequence)
	handle, err := w.fsys.OpenReadWrite(name)
	if vfs.IsNotExist(err) {
		return nil, &CorruptError{File: name, Reason: "file is missing, and newer files need it"}
	}
	if err != nil {
		return nil, err
	}
	f := &file{handle: handle, path: name, sequence: sequence}
	if err := f.readHeader(want); err != nil {
		_ = handle.Close() // only read from
		return nil, err
	}
	return f, nil
}

func (f *file) readHeader(want uint64) error {
	var b [fileHeaderSize]byte
	if _, err := f.handle.ReadAt(b[:], 0); err != nil && !isEOF(err) {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	h, ok := decodeFileHeader(b[:])
	switch {
	case !ok:
		return f.corrupt(0, "bad file header")
	case h.version > fileVersion:
		return fmt.Errorf("%s has version %d, this program knows %d: %w",
			f.path, h.version, fileVersion, ErrNewerFormat)
	case h.version == 0 || h.sequence != f.sequence:
		return f.corrupt(0, "header is that of file %d", h.sequence)
	case want != 0 && h.incarnation != want:
		return f.corrupt(0, "file was replaced by another one of the same name")
	}
	f.incarnation, f.seed = h.incarnation, seedOf(h.incarnation)
	return nil
}

func (f *file) corrupt(position int64, format string, values ...any) error {
	return &CorruptError{File: f.path, Position: position, Reason: fmt.Sprintf(format, values...)}
}
