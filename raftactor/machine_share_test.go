package raftactor

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/chronik-go/chronik/raftactor/applier"
)

// Have is the number of lines, in 8 bytes.
func (m *machine) Have() []byte { return binary.BigEndian.AppendUint64(nil, uint64(len(m.lines))) }

// Share leads to the lines from there on, one in each piece. A piece begins with the number of its line.
func (m *machine) Share(have []byte) (applier.Source, error) {
	m.world.fail("share")
	return &lines{from: int(binary.BigEndian.Uint64(have)), all: m.lines[:len(m.lines):len(m.lines)]}, nil
}

// Restore takes a line that follows the ones that are there, and ignores one that is there.
func (m *machine) Restore(piece []byte, _ bool) error {
	var number int
	var line string
	if _, err := fmt.Sscanf(string(piece), "%d:%s", &number, &line); err != nil || number > len(m.lines) {
		return fmt.Errorf("line %q does not follow %d lines", piece, len(m.lines))
	}
	if number == len(m.lines) {
		m.lines = append(m.lines, line)
	}
	return nil
}

func (m *machine) Restored() ([]byte, error) { return []byte(strings.Join(m.lines, "\n")), nil }

// lines is the source of a machine's state.
type lines struct {
	from int
	all  []string
}

func (l *lines) Next() ([]byte, error) {
	if l.from >= len(l.all) {
		return nil, io.EOF
	}
	l.from++
	return fmt.Appendf(nil, "%d:%s", l.from-1, l.all[l.from-1]), nil
}

func (l *lines) Close() {}
