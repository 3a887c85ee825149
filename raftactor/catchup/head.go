package catchup

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/raftactor/applier"
)

const (
	headVersion = 1
	headSize    = 1 + 8 + 8
)

var errEmpty = errors.New("the other replica sent no state")

// head is the first piece: which index the state stands for.
type head struct {
	index, term uint64
	conf        []byte
}

func (h *head) encode() []byte {
	data := make([]byte, 0, headSize+len(h.conf))
	data = append(data, headVersion)
	data = binary.BigEndian.AppendUint64(data, h.index)
	data = binary.BigEndian.AppendUint64(data, h.term)
	return append(data, h.conf...)
}

func (h *head) decode(data []byte) error {
	if len(data) <= headSize || data[0] != headVersion {
		return fmt.Errorf("head of a state of %d bytes cannot be read: sent by a newer version?", len(data))
	}
	h.index, h.term = binary.BigEndian.Uint64(data[1:]), binary.BigEndian.Uint64(data[9:])
	h.conf = data[headSize:]
	if h.index == 0 {
		return errEmpty
	}
	return nil
}

// Headed puts the head before the pieces of a machine's state, for the stream to another node.
func Headed(m applier.Shared) applier.Source {
	h := head{m.Index, m.Term, m.ConfState}
	return &headed{Source: m.Source, head: h.encode()}
}

type headed struct {
	applier.Source
	head []byte
}

// Next implements applier.Source.
func (s *headed) Next() ([]byte, error) {
	if piece := s.head; piece != nil {
		s.head = nil
		return piece, nil
	}
	return s.Source.Next()
}
