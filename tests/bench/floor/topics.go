//go:build linux

package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/chronik-go/chronik/protocol/batch"
)

// topic is a name, an id and its partitions.
type topic struct {
	name       string
	id         [16]byte
	partitions []*partition
}

// partition is one segment file and where each of its batches begins.
type partition struct {
	file    *os.File
	next    int64    // offset; the committer's own, as is pending
	pending [][]byte // batches of the group under way

	mu      sync.Mutex
	end     int64 // offset after what is written
	size    int64 // of the file
	batches []position
}

type position struct{ offset, at int64 }

func (s *server) create(name string, partitions int) error {
	t := &topic{name: name, partitions: make([]*partition, max(partitions, 1))}
	_, _ = rand.Read(t.id[:]) // never fails
	for i := range t.partitions {
		file, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("%s-%d.log", name, i)))
		if err != nil {
			return err
		}
		t.partitions[i] = &partition{file: file}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[name] = t
	return nil
}

func (s *server) remove(name string) {
	s.mu.Lock()
	t := s.topics[name]
	delete(s.topics, name)
	s.mu.Unlock()
	if t == nil {
		return
	}
	for _, p := range t.partitions {
		_ = os.Remove(p.file.Name()) // the driver removes the whole folder anyway
		_ = p.file.Close()           // nobody uses it any more
	}
}

// find returns a topic by its name or, if that is empty, by its id; nil if there is none.
func (s *server) find(name string, id [16]byte) *topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name != "" {
		return s.topics[name]
	}
	for _, t := range s.topics {
		if t.id == id {
			return t
		}
	}
	return nil
}

// flush writes what is pending to the segment and shows it to readers.
func (p *partition) flush() error {
	size := int64(0)
	for _, b := range p.pending {
		size += int64(len(b))
	}
	if err := writeAll(int(p.file.Fd()), p.pending, p.size, size); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.pending {
		p.batches = append(p.batches, position{p.end, p.size})
		p.end += int64(batch.Batch(b).Count())
		p.size += int64(len(b))
	}
	clear(p.pending)
	p.pending = p.pending[:0]
	return nil
}

// read returns the piece of the file from the batch that holds an offset on, and the end offset.
func (p *partition) read(offset, most int64) (at, length, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset >= p.end {
		return 0, 0, p.end
	}
	i := sort.Search(len(p.batches), func(i int) bool { return p.batches[i].offset > offset }) - 1
	at = p.batches[i].at
	return at, min(most, p.size-at), p.end
}
