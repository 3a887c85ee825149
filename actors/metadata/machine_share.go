package metadata

import (
	"fmt"
	"hash/crc32"
	"io"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/raftactor/applier"
)

// maxPieceBytes bounds a piece of an image on its way to another replica.
const maxPieceBytes = 1 << 20

var _ applier.Sharer = (*Machine)(nil)

// Have implements applier.Sharer. An image is small, so it is always sent whole.
func (m *Machine) Have() []byte { return nil }

// Share implements applier.Sharer. The image never changes, so holding it is all there is to do now.
func (m *Machine) Share([]byte) (applier.Source, error) {
	return &source{image: m.image, index: m.index}, nil
}

// source reads an image as pieces: a checkpoint, and after it the content of the snapshot file that it
// names, cut anywhere.
type source struct {
	image *image.Image
	index uint64
	rest  []byte
}

// Next implements applier.Source.
func (s *source) Next() ([]byte, error) {
	if s.image != nil {
		data, err := metadatapb.EncodeSnapshot(s.image.Snapshot())
		if err != nil {
			return nil, err
		}
		s.rest = append(checkpointOf(s.index, data).encode(), data...)
		s.image = nil
	}
	if len(s.rest) == 0 {
		return nil, io.EOF
	}
	size := min(len(s.rest), maxPieceBytes)
	piece := s.rest[:size:size]
	s.rest = s.rest[size:]
	return piece, nil
}

// Close implements applier.Source.
func (s *source) Close() { s.image, s.rest = nil, nil }

// incoming is an image on its way from another replica.
type incoming struct {
	checkpoint checkpoint
	data       []byte
}

// Restore implements applier.Sharer.
func (m *Machine) Restore(piece []byte, first bool) error {
	if first {
		if len(piece) < checkpointSize {
			m.incoming = nil
			return fmt.Errorf("restore metadata: %w: piece of %d bytes", errCheckpoint, len(piece))
		}
		c, err := decodeCheckpoint(piece[:checkpointSize])
		if err != nil {
			m.incoming = nil
			return fmt.Errorf("restore metadata: %w", err)
		}
		m.incoming, piece = &incoming{checkpoint: c}, piece[checkpointSize:]
	}
	if m.incoming == nil {
		return fmt.Errorf("restore metadata: %w: the first piece is missing", metadatapb.ErrCorrupt)
	}
	size, want := uint64(len(m.incoming.data)+len(piece)), m.incoming.checkpoint.size
	if size > want || want > maxSnapshotBytes {
		m.incoming = nil
		return fmt.Errorf("restore metadata: %w: %d bytes of %d", metadatapb.ErrCorrupt, size, want)
	}
	m.incoming.data = append(m.incoming.data, piece...)
	return nil
}

// Restored implements applier.Sharer. The file is durable before the image is published: nothing that this
// node has shown is taken back by a crash.
func (m *Machine) Restored() ([]byte, error) {
	arrived := m.incoming
	m.incoming = nil
	if arrived == nil {
		return nil, fmt.Errorf("restore metadata: %w: nothing has arrived", metadatapb.ErrCorrupt)
	}
	c := arrived.checkpoint
	if uint64(len(arrived.data)) != c.size || crc32.Checksum(arrived.data, castagnoli) != c.crc {
		return nil, fmt.Errorf("restore metadata: %w: wrong checksum", metadatapb.ErrCorrupt)
	}
	next, err := decodeImage(arrived.data)
	if err != nil {
		return nil, fmt.Errorf("restore metadata: %w", err)
	}
	if c.index > m.index {
		m.image, m.index = next, c.index
	}
	c, err = m.snapshots().write(m.index, m.image)
	if err != nil {
		return nil, err
	}
	m.publish(nil)
	return c.encode(), nil
}

func decodeImage(data []byte) (*image.Image, error) {
	stored, err := metadatapb.DecodeSnapshot(data)
	if err != nil {
		return nil, err
	}
	return image.FromSnapshot(stored)
}
