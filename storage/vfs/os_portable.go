//go:build unix && !linux

package vfs

// WritevAt implements File with one write per buffer.
func (f *osFile) WritevAt(buffers [][]byte, offset int64) (int, error) {
	written := 0
	for _, buffer := range buffers {
		n, err := f.file.WriteAt(buffer, offset+int64(written))
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Sync implements File; on systems without a cheaper call it also syncs the time stamps.
func (f *osFile) Sync() error { return f.file.Sync() }

// WriteBack implements File; there is no portable way.
func (f *osFile) WriteBack(int64, int64) {}

// Preallocate implements File by writing zeros.
func (f *osFile) Preallocate(size int64) error { return f.preallocateByWriting(size) }

// Evict implements File; there is no portable way.
func (f *osFile) Evict() {}
