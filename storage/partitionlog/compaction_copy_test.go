package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/chronik-go/chronik/storage/vfs"
)

// copy has a new replica, or one that was away since the log had fewer batches, copy the log while that goes
// on being compacted, and with interruptions and crashes; it must come to the same.
func (w *shop) copy() error {
	known := w.rng.IntN(len(w.batches) + 1)
	if w.rng.IntN(2) == 0 {
		if err := w.age(); err != nil {
			return err
		}
	}
	to := &shop{
		rng: w.rng, fs: vfs.NewMem(), records: w.records, open: w.open, batches: w.batches[:known], end: w.end,
		seen: w.seen,
	}
	to.config = to.randomConfig()
	if err := vfs.MkdirAllSync(to.fs, "/data"); err != nil {
		return err
	}
	var err error
	if to.log, err = Open(to.fs, testDir, to.config, nil, Boot); err != nil {
		return err
	}
	if err := to.log.Append(to.batches); err != nil {
		return err
	}
	if w.rng.IntN(4) > 0 {
		if err := to.capture(known); err != nil {
			return err
		}
	}
	for done := false; !done; {
		if done, err = w.bring(to); err != nil {
			return fmt.Errorf("copy to a log that had %d batches: %w", known, err)
		}
	}
	w.seen["copied"]++
	if !bytes.Equal(encodeSnapshot(w.log.producers), encodeSnapshot(to.log.producers)) {
		return errors.New("the producers of the copy differ")
	}
	return to.check()
}

// age lets delete horizons pass and compactions end.
func (w *shop) age() error {
	for range 3 {
		w.now += 300
		if err := w.append(); err != nil {
			return err
		}
		if err := w.capture(len(w.batches)); err != nil {
			return err
		}
		for rounds := 0; rounds == 0 || w.job != nil && rounds < 100; rounds++ {
			if err := w.compact(); err != nil {
				return err
			}
		}
	}
	return nil
}

// capture makes durable that the log has so many batches.
func (w *shop) capture(batches int) error {
	flush, err := w.log.Capture()
	if err != nil {
		return err
	}
	s, err := flush()
	if err != nil {
		return err
	}
	w.state, w.stateAt = s, batches
	return w.log.Checkpointed(s)
}

// bring copies once, and tells whether it came to the end.
func (w *shop) bring(to *shop) (done bool, err error) {
	source, err := w.log.Share(to.log.Have())
	if err != nil {
		return false, err
	}
	defer source.Close()
	source.limit = 100 + w.rng.IntN(3000)
	for first := true; ; first = false {
		piece, err := source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return w.brought(to, source.header.anew)
		case errors.Is(err, errPurged):
			w.seen["purged while copied"]++
			return false, nil
		case err != nil:
			return false, err
		}
		if err := to.log.Restore(piece, first); err != nil {
			return false, fmt.Errorf("at %d: %w", to.log.View().End(), err)
		}
		if w.rng.IntN(8) == 0 {
			if err := w.compact(); err != nil {
				return false, err
			}
		}
		switch w.rng.IntN(200) {
		case 0:
			w.seen["interrupted"]++
			return false, w.compact()
		case 1:
			w.seen["crash in a copy"]++
			return false, errors.Join(to.crash(), w.compact())
		}
	}
}

// brought ends a copy: its state gets into the write-ahead log, and a crash may come before or after that.
func (w *shop) brought(to *shop, anew bool) (done bool, err error) {
	s, err := to.log.Restored()
	if err != nil {
		return false, err
	}
	if anew {
		w.seen["copied anew"]++
	}
	end := w.rng.IntN(6)
	if end == 0 {
		w.seen["crash before the state"]++
		return false, to.crash()
	}
	to.state, to.stateAt, to.batches = s, len(w.batches), w.batches
	if end == 1 {
		w.seen["crash after the state"]++
		return true, to.crash()
	}
	to.old = append(to.old, to.log.View())
	if to.log, err = to.log.Renew(s); err != nil {
		return false, err
	}
	if end == 2 {
		return true, to.crash()
	}
	return true, to.log.Checkpointed(s)
}
