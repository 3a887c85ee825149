package wal

import (
	"fmt"
	"hash/crc32"
	"math"
	"path"
	"strings"

	"github.com/chronik-go/chronik/storage/vfs"
)

// Location says where the data of an entry lies outside of the log: at a position of a file in the same data
// directory, which some machine writes.
type Location struct {
	File     string // as the file system knows it; below Options.Root
	Position int64
}

// referenceFixed is the size of the payload of a reference before the name of the file:
//
//	 0  length   u32   of the data
//	 4  crc      u32   of the data
//	 8  position u64   in the file
//	16  name           of the file, from Options.Root on
const referenceFixed = 16

// maxReference bounds the payload of a reference.
const maxReference = 4096

// reference is what the log holds of an entry whose data lies elsewhere.
type reference struct {
	length, crc uint32
	position    int64
	name        string
}

func (r *reference) append(b []byte) []byte {
	b = little.AppendUint32(b, r.length)
	b = little.AppendUint32(b, r.crc)
	b = little.AppendUint64(b, uint64(r.position))
	return append(b, r.name...)
}

func decodeReference(payload []byte) (reference, bool) {
	if len(payload) <= referenceFixed || len(payload) > maxReference {
		return reference{}, false
	}
	r := reference{
		length: little.Uint32(payload), crc: little.Uint32(payload[4:]),
		position: int64(little.Uint64(payload[8:])), name: string(payload[referenceFixed:]),
	}
	return r, r.length <= MaxEntryBytes && r.position >= 0 && r.position+int64(r.length) > 0
}

// payloadBytes returns how long the payload of an entry is in the log.
func (w *WAL) payloadBytes(e *Entry) int {
	if e.At == nil {
		return len(e.Data)
	}
	return referenceFixed + len(w.relative(e.At.File))
}

// relative returns the name of a file from the root on, "" for one that is not below it.
func (w *WAL) relative(file string) string {
	name, below := strings.CutPrefix(file, w.options.Root)
	if !below {
		return ""
	}
	return strings.TrimPrefix(name, "/")
}

// referenceTo returns the payload of an entry whose data lies elsewhere.
func (w *WAL) referenceTo(e *Entry) []byte {
	r := reference{
		length: uint32(len(e.Data)), crc: dataCRC(e.Data, e.Sum), position: e.At.Position,
		name: w.relative(e.At.File),
	}
	return r.append(make([]byte, 0, referenceFixed+len(r.name)))
}

// dataCRC returns the checksum of data whose end was summed before.
func dataCRC(data []byte, known Sum) uint32 {
	if known.Bytes < deriveFrom {
		return crc32.Checksum(data, castagnoli)
	}
	crc := joinCRC(crc32.Checksum(data[:len(data)-int(known.Bytes)], castagnoli), known.CRC, known.Bytes)
	if compareSums {
		if want := crc32.Checksum(data, castagnoli); crc != want {
			panic(fmt.Sprintf("BUG: got sum %08x of the last %d of %d bytes, which makes it %08x, want %08x",
				known.CRC, known.Bytes, len(data), crc, want))
		}
	}
	return crc
}

// isEntry tells whether a record stands for an entry.
func isEntry(kind uint8) bool { return kind == kindEntry || kind == kindReference }

// referencedBy returns how many bytes outside of the log a record of this file stands for. Whether they are
// there is seen when they are read: it concerns one group only.
func (f *file) referencedBy(rec record) (int64, error) {
	if rec.kind != kindReference {
		return 0, nil
	}
	reference, ok := decodeReference(rec.payload)
	if !ok {
		return 0, f.corrupt(rec.position, "entry %d of group %d refers to what cannot be", rec.index, rec.group)
	}
	return int64(reference.length), nil
}

// elsewhere reads data that lies outside of the log. Neighbouring entries mostly lie in one file, which stays
// open between them.
type elsewhere struct {
	fsys vfs.FS
	root string
	name string
	file vfs.File
	size int64
}

// fill is an entry that a Reading has still to read the data of.
type fill struct {
	entry int // its place in the State
	reference
}

// fillLater notes that the next entry is a reference with this payload; false if that cannot be one.
func (r *Reading) fillLater(payload []byte) bool {
	reference, ok := decodeReference(payload)
	r.fills = append(r.fills, fill{len(r.state.Entries), reference})
	return ok
}

// fill reads the data of the oldest entry that has none yet, and returns how many bytes that were.
func (r *Reading) fill() (int64, error) {
	f := &r.fills[0]
	data, at, err := r.elsewhere.read(f.reference)
	if err != nil {
		return 0, err
	}
	e := &r.state.Entries[f.entry]
	e.Data, e.At = data, at
	r.fills = r.fills[1:]
	return int64(len(data)), nil
}

func (x *elsewhere) close() {
	if x.file != nil {
		_ = x.file.Close() // only read from
		x.file = nil
	}
}

// read returns the data of a reference and where it lies. Data that is not there any more, or is not what was
// written, is a *CorruptError of that file: it was durable before the reference was written.
func (x *elsewhere) read(r reference) ([]byte, *Location, error) {
	name := path.Join(x.root, r.name)
	if err := x.open(name); err != nil {
		return nil, nil, err
	}
	damaged := func(format string, values ...any) error {
		return &CorruptError{File: name, Position: r.position, Reason: fmt.Sprintf(format, values...)}
	}
	if r.position > x.size-int64(r.length) {
		return nil, nil, damaged("the file ends at %d, want data of %d bytes there", x.size, r.length)
	}
	data := make([]byte, r.length)
	if n, err := x.file.ReadAt(data, r.position); n < len(data) {
		return nil, nil, fmt.Errorf("read %s at %d: %w", name, r.position, err)
	}
	if crc := crc32.Checksum(data, castagnoli); crc != r.crc {
		return nil, nil, damaged("data of %d bytes has CRC %08x, want %08x", r.length, crc, r.crc)
	}
	return data, &Location{File: name, Position: r.position}, nil
}

func (x *elsewhere) open(name string) error {
	if x.file != nil && x.name == name {
		return nil
	}
	x.close()
	file, err := x.fsys.Open(name)
	if vfs.IsNotExist(err) {
		return &CorruptError{File: name, Reason: "the file is missing, and the log needs it"}
	}
	if err != nil {
		return err
	}
	if x.size, err = file.Size(); err != nil {
		_ = file.Close() // the error worth telling is err
		return fmt.Errorf("read %s: %w", name, err)
	}
	x.name, x.file = name, file
	return nil
}

// Embed takes the data of the entries of a group from an index on into the log, where it lies elsewhere. It
// is durable when Embed returns, and nothing of these entries is needed elsewhere any more. Errors are those
// of Load, Append and Sync.
func (w *WAL) Embed(id GroupID, from uint64) error {
	g := w.groups[id]
	if g == nil || from > g.last() {
		return nil
	}
	if w.failed != nil {
		return w.failed
	}
	r := w.readFrom(g, max(from, g.checkpoint.Index+1))
	defer r.Close()
	if _, err := r.Next(math.MaxInt64); err != nil {
		return err
	}
	entries := r.state.Entries
	first := 0
	for first < len(entries) && entries[first].At == nil {
		first++
	}
	if first == len(entries) {
		return nil
	}
	entries = entries[first:]
	for i := range entries {
		entries[i].At = nil
	}
	if err := w.Append([]Update{{Group: id, Entries: entries}}); err != nil {
		return err
	}
	return w.Sync()
}
