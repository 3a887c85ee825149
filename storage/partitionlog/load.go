package partitionlog

import "hash/crc32"

// indexes returns the indexes of the segment: those in memory, else those of the files if they are what
// they should be, else what a scan of the segment gives. So a damaged index file costs time and nothing
// else.
func (sp *span) indexes() (indexes, error) {
	mark := sp.view.active.mark
	if sp.active {
		if sp.view.active.index.covers(mark) {
			return sp.view.active.index, nil
		}
	} else {
		mark = sp.info.Load().mark
	}
	x, err := sp.load(mark)
	if err != nil {
		return indexes{}, err
	}
	return x.indexes, nil
}

// summary returns the largest timestamp of the segment and the last offset of the first batch that has it.
func (sp *span) summary() (sealedInfo, error) {
	if sp.active {
		a := &sp.view.active
		return sealedInfo{size: a.size, maxTimestamp: a.maxTimestamp, maxOffset: a.maxOffset, known: true}, nil
	}
	if info := sp.info.Load(); info.known {
		return *info, nil
	}
	if _, err := sp.load(indexMark{}); err != nil {
		return sealedInfo{}, err
	}
	return *sp.info.Load(), nil
}

// load returns the indexes of a segment that the view does not hold in memory.
func (sp *span) load(mark indexMark) (*loadedIndex, error) {
	if x := sp.inMemory(mark); x != nil {
		return x, nil
	}
	sp.loading.Lock()
	defer sp.loading.Unlock()
	if !sp.active {
		mark = sp.info.Load().mark // a scan may have found it meanwhile
	}
	if x := sp.inMemory(mark); x != nil {
		return x, nil
	}
	if sp.gone.Load() {
		return nil, sp.lostForGood()
	}
	x := &loadedIndex{wanted: mark, sinceEntry: -1}
	read := false
	if sp.active || sp.info.Load().known {
		x.indexes, read = sp.readIndexes(mark)
	}
	if !read {
		if err := sp.reconstruct(x); err != nil {
			return nil, err
		}
	}
	sp.keepIndex(x)
	return x, nil
}

// inMemory returns the loaded index if it is long enough for the mark.
func (sp *span) inMemory(mark indexMark) *loadedIndex {
	x := sp.index.Load()
	if x == nil || x.wanted.offsetEntries < mark.offsetEntries || x.wanted.timeEntries < mark.timeEntries ||
		x.wanted.abortedEntries < mark.abortedEntries {
		return nil
	}
	if !sp.active && !sp.info.Load().known {
		return nil
	}
	if !x.pinned() {
		x.slot.touch()
	}
	return x
}

// reconstruct fills x from the segment itself and has the next flush write the files anew.
func (sp *span) reconstruct(x *loadedIndex) error {
	b, err := sp.rebuild(int(sp.files.indexInterval.Load()))
	if err != nil {
		return err
	}
	x.indexes, x.sinceEntry = b.indexes, b.sinceEntry
	sp.rewriteIndex.Store(true)
	if !sp.active {
		x.wanted = b.current
		sp.info.Store(&sealedInfo{
			size: sp.size, maxTimestamp: b.maxTimestamp, maxOffset: b.maxOffset, mark: b.current, known: true,
		})
		sp.files.manifestWanted.Add(1)
	}
	return nil
}

// readIndexes reads the index files and compares them with the mark.
func (s *Segment) readIndexes(mark indexMark) (indexes, bool) {
	offsetBytes, timeBytes, abortedBytes := mark.bytes()
	offsets, ok := s.readIndex(suffixIndex, offsetBytes, mark.offsetCRC)
	if !ok {
		return indexes{}, false
	}
	times, ok := s.readIndex(suffixTime, timeBytes, mark.timeCRC)
	if !ok {
		return indexes{}, false
	}
	aborted, ok := s.readIndex(suffixTxn, abortedBytes, mark.abortedCRC)
	return indexes{offsets, times, aborted}, ok
}

// readIndex reads the first n bytes of an index file. It makes no difference here why that does not work: a
// disk that is broken shows it again when the segment is scanned instead.
func (s *Segment) readIndex(suffix string, n int, crc uint32) ([]byte, bool) {
	if n == 0 {
		return nil, true
	}
	file, err := s.files.fs.Open(s.name(suffix))
	if err != nil {
		return nil, false
	}
	defer file.Close()
	if size, err := file.Size(); err != nil || size < int64(n) {
		return nil, false
	}
	data := make([]byte, n)
	if got, err := file.ReadAt(data, 0); got < n && err != nil {
		return nil, false
	}
	return data, crc32.Checksum(data, castagnoli) == crc
}
