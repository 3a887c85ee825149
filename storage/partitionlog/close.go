package partitionlog

// Close ends the owner's use of the log. Nothing is synced: what is not checkpointed is in the write-ahead
// log. Views stay readable, and files that are being sent stay open until that is done.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.placer.detach(l)
	l.files.disown(false)
	l.closed = true
	l.giveUpRenewal()
	for _, s := range l.segments {
		s.closeFile()
	}
	for _, s := range l.retired {
		s.closeFile()
	}
	return nil
}

// Delete ends the owner's use of the log and removes it from the disk, see Remove.
func (l *Log) Delete() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.placer.detach(l)
	l.files.disown(true)
	l.closed = true
	l.giveUpRenewal()
	for _, s := range append(l.retired, l.segments...) {
		s.opening.Lock()
		s.gone.Store(true)
		s.opening.Unlock()
		s.closeFile()
		s.dropIndex()
	}
	return Remove(l.files.fs, l.files.dir, l.config.TopicID)
}
