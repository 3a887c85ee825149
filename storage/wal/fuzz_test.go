package wal

import (
	"bytes"
	"errors"
	"path"
	"testing"

	"github.com/chronik-go/chronik/storage/vfs"
)

func fuzzOptions() Options {
	next := uint64(100)
	return Options{FileBytes: 16 << 10, Incarnation: func() uint64 { next++; return next }}
}

// seedLog returns the only file of a small log.
func seedLog(f *testing.F) []byte {
	disk := vfs.NewMem()
	w, err := Open(disk, "/wal", fuzzOptions())
	if err != nil {
		f.Fatal(err)
	}
	updates := []Update{
		{Group: 1, Hard: &HardState{1, 2, 3}, ConfState: []byte("conf"),
			Entries: []Entry{{Term: 1, Index: 1, Data: []byte("a")}, {Term: 1, Index: 2, Type: 1}}},
		{Group: 2, Checkpoint: &Checkpoint{5, 1, []byte("c"), []byte("machine")},
			Entries: []Entry{{Term: 2, Index: 6, Data: []byte("b")}}},
		{Group: 1, Remove: true},
	}
	for i := range updates {
		if err := w.Append(updates[i : i+1]); err != nil {
			f.Fatal(err)
		}
	}
	data, err := vfs.ReadFile(disk, "/wal/0000000001.wal", 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// openBytes opens a log whose only file is data, and loads everything from it. What an entry refers to outside
// of the log is never there: then the error names that file, and the other groups are loaded.
func openBytes(t *testing.T, data []byte) (*WAL, []State, error) {
	disk := vfs.NewMem()
	if err := disk.MkdirAll("/wal"); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFileSync(disk, path.Join("/wal", fileName(1, logSuffix)), data); err != nil {
		t.Fatal(err)
	}
	w, err := Open(disk, "/wal", fuzzOptions())
	if err != nil {
		return nil, nil, err
	}
	var states []State
	for _, id := range w.Groups() {
		state, _, err := w.Load(id)
		if corrupt, ok := errors.AsType[*CorruptError](err); ok && path.Dir(corrupt.File) != "/wal" {
			continue
		}
		if err != nil {
			t.Fatalf("load %d after a successful open: %v", id, err)
		}
		states = append(states, state)
	}
	return w, states, nil
}

// FuzzReplayBytes feeds arbitrary files. They are opened or refused with a typed error, and what was opened
// opens to the same content again.
func FuzzReplayBytes(f *testing.F) {
	data := seedLog(f)
	f.Add(data)
	f.Add(data[:2048])
	f.Add(data[:100])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) { checkReplay(t, data) })
}

// FuzzReplayRecords gets past the checksums: it makes well-formed frames of arbitrary records.
func FuzzReplayRecords(f *testing.F) {
	f.Add([]byte{kindEntry, 1, 1, 1, 0, 4, kindCheckpoint, 1, 1, 1, 0, 9, kindRemove, 1, 0, 0, 0, 0}, false)
	f.Add([]byte{kindState, 1, 1, 1, 0, 44, kindLiveFile, 0, 0, 0, 0, 16}, true)
	f.Add([]byte{kindHardState, 1, 1, 1, 0, 8, kindConfState, 3, 1, 1, 0, 3}, false)
	f.Fuzz(func(t *testing.T, script []byte, inHead bool) { checkReplay(t, scriptedLog(script, inHead)) })
}

func checkReplay(t *testing.T, data []byte) {
	w, states, err := openBytes(t, data)
	if err != nil {
		if _, ok := errors.AsType[*CorruptError](err); !ok && !errors.Is(err, ErrNewerFormat) {
			t.Fatalf("got %v, want a CorruptError", err)
		}
		return
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(w.fsys, "/wal", fuzzOptions())
	if err != nil {
		t.Fatalf("open again: %v", err)
	}
	for _, want := range states {
		got, found, err := again.Load(want.Group)
		if err != nil || !found || got.Hard != want.Hard || len(got.Entries) != len(want.Entries) ||
			got.Checkpoint.Index != want.Checkpoint.Index || !bytes.Equal(got.ConfState, want.ConfState) {
			t.Fatalf("got %+v, %v after opening again, want %+v", got, err, want)
		}
	}
}

// scriptedLog makes a file with a head and one frame. Each six bytes of the script make a record: kind,
// group, term, index, and two for the length of the payload, which is the rest of the script, repeated.
func scriptedLog(script []byte, inHead bool) []byte {
	const incarnation = 7
	file := fileHeader{fileVersion, 1, incarnation}.encode()
	data := make([]byte, headPosition)
	copy(data, file[:])
	var none []byte
	head, body := none, script
	if inHead {
		head, body = script, none
	}
	data = scriptedFrame(data, head, frameHeader{incarnation: incarnation, sequence: 1, flags: flagHead})
	data = append(data, make([]byte, alignUp(int64(len(data)), alignment)-int64(len(data)))...)
	return scriptedFrame(data, body, frameHeader{incarnation: incarnation, sequence: 2, durable: 1})
}

func scriptedFrame(data, script []byte, header frameHeader) []byte {
	var records []byte
	for len(script) >= 6 {
		h := recordHeader{kind: script[0], group: GroupID(script[1]), term: uint64(script[2]),
			index: uint64(script[3])}
		h.frame = uint32(header.sequence)
		length := int(script[4]&3)<<8 | int(script[5])
		script = script[6:]
		payload := bytes.Repeat(append(script[:len(script):len(script)], 0),
			1+length/(len(script)+1))[:length]
		h.length = uint32(length)
		at := len(records)
		records = append(records, make([]byte, recordHeaderSize)...)
		h.encode(records[at:], seedOf(header.incarnation), payload, Sum{})
		records = append(records, payload...)
		header.records++
	}
	header.length = uint64(len(records))
	at := len(data)
	data = append(data, make([]byte, frameHeaderSize)...)
	header.encode(data[at:])
	return append(data, records...)
}

func TestNewerFormatIsRefused(t *testing.T) {
	header := fileHeader{fileVersion + 1, 1, 5}.encode()
	_, _, err := openBytes(t, header[:])
	if !errors.Is(err, ErrNewerFormat) {
		t.Fatalf("got %v, want ErrNewerFormat", err)
	}
}
