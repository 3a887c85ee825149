package wal

import "fmt"

// stateFixed is the size of the payload of a state record before the three byte strings:
//
//	 0  term    u64   hard state
//	 8  vote    u64
//	16  commit  u64
//	24  last    u64   index of the last entry; with the checkpoint it says which entries exist
//	32  lengths u32   of conf state, conf state of the checkpoint, machine
//	44  the three strings
//
// Term and index of the checkpoint are in the record header.
const stateFixed = 44

// liveFixed is the size of the payload of a live file record.
const liveFixed = 16

// liveFile is what a head says about an older file.
type liveFile struct {
	sequence, incarnation uint64
	end                   int64
}

// encodeHead returns the start of a new file: its header and one frame with the state of everything.
func (w *WAL) encodeHead(f *file, live []*file) []byte {
	p := w.planHead(live)
	b := make([]byte, 0, headPosition+p.bytes)
	header := fileHeader{fileVersion, f.sequence, f.incarnation}.encode()
	b = append(b, header[:]...)
	b = b[:headPosition+frameHeaderSize]
	frame := frameHeader{
		incarnation: f.incarnation,
		sequence:    w.frame + 1,
		durable:     w.durable,
		length:      uint64(p.bytes - frameHeaderSize),
		records:     p.records,
		flags:       flagHead,
	}
	frame.encode(b[headPosition:])
	add := func(h recordHeader, payload []byte) {
		h.length, h.frame = uint32(len(payload)), uint32(frame.sequence)
		at := len(b)
		b = b[:at+recordHeaderSize]
		h.encode(b[at:], f.seed, payload, Sum{})
		b = append(b, payload...)
	}
	for _, l := range live {
		payload := little.AppendUint64(nil, l.incarnation)
		add(recordHeader{kind: kindLiveFile, index: l.sequence}, little.AppendUint64(payload, uint64(l.end)))
	}
	var scratch []byte
	for _, id := range w.Groups() {
		g := w.groups[id]
		scratch = appendState(scratch[:0], g)
		h := recordHeader{kind: kindState, group: id, term: g.checkpoint.Term, index: g.checkpoint.Index}
		add(h, scratch)
	}
	return b
}

// planHead measures the head. It has a plan of its own: the file is started for a frame that is planned
// already.
func (w *WAL) planHead(live []*file) plan {
	p := plan{bytes: frameHeaderSize}
	for range live {
		p.record(liveFixed)
	}
	for _, g := range w.groups {
		p.record(stateFixed + len(g.conf) + len(g.checkpoint.ConfState) + len(g.checkpoint.Machine))
	}
	return p
}

func appendState(b []byte, g *group) []byte {
	b = little.AppendUint64(b, g.hard.Term)
	b = little.AppendUint64(b, g.hard.Vote)
	b = little.AppendUint64(b, g.hard.Commit)
	b = little.AppendUint64(b, g.last())
	b = little.AppendUint32(b, uint32(len(g.conf)))
	b = little.AppendUint32(b, uint32(len(g.checkpoint.ConfState)))
	b = little.AppendUint32(b, uint32(len(g.checkpoint.Machine)))
	b = append(b, g.conf...)
	b = append(b, g.checkpoint.ConfState...)
	return append(b, g.checkpoint.Machine...)
}

// decodeState returns the group of a state record and the index of its last entry.
func decodeState(h recordHeader, payload []byte) (*group, uint64, error) {
	if len(payload) < stateFixed {
		return nil, 0, fmt.Errorf("state of group %d has only %d bytes", h.group, len(payload))
	}
	conf := int64(little.Uint32(payload[32:]))
	checkpointConf := int64(little.Uint32(payload[36:]))
	machine := int64(little.Uint32(payload[40:]))
	rest := payload[stateFixed:]
	last := little.Uint64(payload[24:])
	if conf+checkpointConf+machine != int64(len(rest)) || last < h.index {
		return nil, 0, fmt.Errorf("state of group %d contradicts itself", h.group)
	}
	g := &group{id: h.group}
	g.hard = HardState{little.Uint64(payload), little.Uint64(payload[8:]), little.Uint64(payload[16:])}
	g.conf = clone(rest[:conf])
	g.checkpoint = Checkpoint{
		Index:     h.index,
		Term:      h.term,
		ConfState: clone(rest[conf : conf+checkpointConf]),
		Machine:   clone(rest[conf+checkpointConf:]),
	}
	return g, last, nil
}

func decodeLiveFile(h recordHeader, payload []byte) (liveFile, bool) {
	if len(payload) != liveFixed || h.index >= 1<<32 {
		return liveFile{}, false
	}
	l := liveFile{h.index, little.Uint64(payload), int64(little.Uint64(payload[8:]))}
	return l, l.end >= headPosition && l.end < 1<<32
}
