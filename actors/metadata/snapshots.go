package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"strconv"
	"strings"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/storage/vfs"
)

const (
	checkpointVersion = 1
	checkpointSize    = 1 + 8 + 8 + 4

	snapshotSuffix = ".snapshot"
	snapshotDigits = 20

	// maxSnapshotBytes bounds what is read into memory: a million partitions take about 30 MB.
	maxSnapshotBytes = 1 << 30
)

var errCheckpoint = errors.New("malformed checkpoint of the metadata")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkpoint names a snapshot file and says what is in it.
type checkpoint struct {
	index uint64 // of the last command in it
	size  uint64
	crc   uint32
}

// checkpointOf returns what names the content of a snapshot file.
func checkpointOf(index uint64, data []byte) checkpoint {
	return checkpoint{index: index, size: uint64(len(data)), crc: crc32.Checksum(data, castagnoli)}
}

func (c checkpoint) encode() []byte {
	data := make([]byte, 0, checkpointSize)
	data = append(data, checkpointVersion)
	data = binary.BigEndian.AppendUint64(data, c.index)
	data = binary.BigEndian.AppendUint64(data, c.size)
	return binary.BigEndian.AppendUint32(data, c.crc)
}

func decodeCheckpoint(data []byte) (checkpoint, error) {
	if len(data) != checkpointSize || data[0] != checkpointVersion {
		return checkpoint{}, fmt.Errorf("%w: % x: written by a newer version?",
			errCheckpoint, data[:min(len(data), 32)])
	}
	return checkpoint{
		index: binary.BigEndian.Uint64(data[1:]),
		size:  binary.BigEndian.Uint64(data[9:]),
		crc:   binary.BigEndian.Uint32(data[17:]),
	}, nil
}

func (c checkpoint) name() string {
	return fmt.Sprintf("%0*d%s", snapshotDigits, c.index, snapshotSuffix)
}

// indexOf returns the index in the name of a snapshot file, or of one that was being written.
func indexOf(name string) (uint64, bool) {
	digits, found := strings.CutSuffix(strings.TrimSuffix(name, ".tmp"), snapshotSuffix)
	if !found || len(digits) != snapshotDigits {
		return 0, false
	}
	index, err := strconv.ParseUint(digits, 10, 64)
	return index, err == nil
}

// snapshots keeps the snapshot files of one directory.
type snapshots struct {
	fs  vfs.FS
	dir string
}

// write stores an image durably and returns what names it. A crash leaves either the file or none.
func (s snapshots) write(index uint64, i *image.Image) (checkpoint, error) {
	data, err := metadatapb.EncodeSnapshot(i.Snapshot())
	if err != nil {
		return checkpoint{}, err
	}
	c := checkpointOf(index, data)
	if err := vfs.MkdirAllSync(s.fs, s.dir); err != nil {
		return checkpoint{}, fmt.Errorf("write metadata snapshot: %w", err)
	}
	if err := vfs.WriteFileSync(s.fs, path.Join(s.dir, c.name()), data); err != nil {
		return checkpoint{}, fmt.Errorf("write metadata snapshot: %w", err)
	}
	return c, nil
}

// read loads the image that a checkpoint names.
func (s snapshots) read(c checkpoint) (*image.Image, error) {
	name := path.Join(s.dir, c.name())
	data, err := vfs.ReadFile(s.fs, name, maxSnapshotBytes)
	if err != nil {
		return nil, fmt.Errorf("read metadata snapshot: %w", err)
	}
	if uint64(len(data)) != c.size || crc32.Checksum(data, castagnoli) != c.crc {
		return nil, fmt.Errorf("read metadata snapshot: %w: %s is not the file that the checkpoint names",
			metadatapb.ErrCorrupt, name)
	}
	restored, err := decodeImage(data)
	if err != nil {
		return nil, fmt.Errorf("read metadata snapshot %s: %w", name, err)
	}
	return restored, nil
}

// removeBefore removes the snapshots older than the one a restart begins with, and what an interrupted
// write of one left behind. Files with other names are not ours to remove.
func (s snapshots) removeBefore(c checkpoint) error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return fmt.Errorf("remove old metadata snapshots: %w", err)
	}
	for _, name := range names {
		if index, ours := indexOf(name); ours && index < c.index {
			if err := s.fs.Remove(path.Join(s.dir, name)); err != nil && !vfs.IsNotExist(err) {
				return fmt.Errorf("remove old metadata snapshot: %w", err)
			}
		}
	}
	return nil
}
