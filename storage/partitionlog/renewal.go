package partitionlog

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// A replica whose log ends below what was purged elsewhere (purge.go) cannot go on where it ends: something
// in what it has may be deleted or aborted, and nothing that it could still copy says so. So it copies the
// whole log anew, into a directory beside its own:
//
//	orders-3             goes on: it is read, and takes what the replica applies
//	orders-3.1-future    the log to be; or .2-future
//
// The renewal is restored like the log of a new replica. Then its State, which names the directory, gets into
// the write-ahead log. After that Renew removes the old directory and gives the other one its name; where a
// crash was faster, Open does so.
//
// A crash before that finds a State that names no directory, and Open removes what there is. There are two
// names because the State of a renewal may still be the last in the write-ahead log when the next one begins:
// that one takes the other name. Kafka calls a copy that is to take the place of a log -future, too.
type renewal byte

// noRenewal is what most States name.
const noRenewal renewal = 0

// renewalNames end the names of the directories, the first for renewal 1.
var renewalNames = [...]string{".1-future", ".2-future"}

func (r renewal) dir(dir string) string { return dir + renewalNames[r-1] }

// bit is that of the renewal in a set; those that are none have no bit.
func (r renewal) bit() uint8 { return 1 << r &^ 1 }

// other returns the renewal that may begin when a State that names r may be the last one.
func (r renewal) other() renewal {
	if r == 1 {
		return 2
	}
	return 1
}

// renewing is the copy under way.
type renewing struct {
	log    *Log            // nil if there is none
	end    protocol.Offset // of the log that it is a copy of
	number renewal
	last   renewal // the last one of which there may be a State
	whole  uint8   // a bit for each of which there may be one that Renew was not told of
}

// maybeRenew decides, with the first piece of a Source, whether this log is to be copied anew.
func (l *Log) maybeRenew(piece []byte) error {
	kind, body, err := openPiece(piece)
	if err != nil || !isHeader(kind) {
		return err // what else may come first is refused later
	}
	h, err := decodeHeader(kind, body)
	if err != nil || !h.anew || l.end == 0 || h.topicID != l.config.TopicID {
		return err
	}
	r := &l.renewing
	l.giveUpRenewal()
	r.number, r.end = r.last.other(), h.end
	dir := r.number.dir(l.files.dir)
	if err := removeRenewal(l.files.fs, dir); err != nil {
		return l.files.fail(err)
	}
	if !l.placer.suspend() {
		return sourceError("what is not applied lies in the log that is to be replaced")
	}
	config := l.config
	config.Placer = nil // the one there is follows this log until the copy takes its place
	r.log, err = Open(l.files.fs, dir, config, nil, Boot)
	if err != nil {
		l.placer.resume()
		return l.files.fail(err)
	}
	return nil
}

// giveUpRenewal lets go of the copy under way. Its directory is removed with the next one, or by Open.
func (l *Log) giveUpRenewal() {
	if l.renewing.log == nil {
		return
	}
	l.renewing.log.abandon()
	l.renewing.log = nil
	l.placer.resume()
}

// forgetRenewal gives up a copy that the log has come further than by itself, which a checkpoint tells. No
// State of it can come after that.
func (l *Log) forgetRenewal(s *state) error {
	r := &l.renewing
	if r.log == nil || s.end <= r.end {
		return nil
	}
	l.giveUpRenewal()
	r.whole = 0
	return removeRenewals(l.files.fs, l.files.dir)
}

// abandon closes a log whose directory is about to get another name, or to go.
func (l *Log) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files.disown(true)
	l.closed = true
	for _, s := range slices.Concat(l.retired, l.segments) {
		s.closeFile()
		s.dropIndex()
	}
}

// restoredRenewal is Restored of the copy.
func (l *Log) restoredRenewal() (State, error) {
	r := &l.renewing
	copied, err := r.log.Restored()
	if err != nil {
		if !errors.Is(err, ErrSource) {
			err = l.files.fail(err)
		}
		return nil, err
	}
	s, err := decodeState(copied)
	if err != nil {
		return nil, err
	}
	s.renewal, r.last = r.number, r.number
	r.whole |= r.number.bit()
	return s.encode(), nil
}

// Renew returns the log to go on with once a State is in the write-ahead log, durable. That is this one,
// unless the State is of a copy that takes its place: then this one is closed, and readers of its views are
// sent to those of the other.
func (l *Log) Renew(checkpoint State) (*Log, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := decodeState(checkpoint)
	if err != nil || l.renewing.whole&s.renewal.bit() == 0 {
		return l, err
	}
	if err := l.usable(); err != nil {
		return l, err
	}
	if !l.placer.suspend() {
		panic(fmt.Sprintf("BUG: got a batch placed in %s, which a copy is about to replace", l.files.dir))
	}
	defer l.placer.resume()
	l.giveUpRenewal()
	flushing := l.files.flushing()
	flushing.Lock()
	defer flushing.Unlock()
	_ = l.files.fail(ErrClosed) // a flush that was captured before must not write into the other directory
	all := slices.Concat(l.retired, l.segments)
	for _, s := range all {
		// Whoever opens one of them waits until there is a view without them.
		s.opening.Lock()
		defer s.opening.Unlock()
		s.replaced.Store(true)
		s.gone.Store(true)
	}
	l.placer.forgetLoaded() // it lay in the directory that goes
	fresh, err := Open(l.files.fs, l.files.dir, l.config, checkpoint, Boot)
	if err != nil {
		return l, err
	}
	l.closed = true
	l.view.Store(fresh.View())
	for _, s := range all {
		s.closeFile()
		s.dropIndex()
		s.index.Store(nil)
	}
	return fresh, nil
}

// settleRenewals gives a renewal the name of the log if the State is that of it, and removes others.
func (o *opening) settleRenewals() error {
	f := o.log.files
	for i := range renewalNames {
		number := renewal(i + 1)
		dir := number.dir(f.dir)
		switch _, err := f.fs.Stat(dir); {
		case vfs.IsNotExist(err):
		case err != nil:
			return err
		case number == o.state.renewal:
			if err := o.takeOver(dir); err != nil {
				return fmt.Errorf("take over %s: %w", dir, err)
			}
		default:
			if err := removeDirectory(f.fs, dir); err != nil {
				return err
			}
		}
	}
	o.log.renewing.last = o.state.renewal
	return nil
}

// takeOver puts a directory in the place of the log's own. A crash in between finds the one or the other gone
// from its name, and Open goes on.
func (o *opening) takeOver(dir string) error {
	f := o.log.files
	err := f.whileOwner(func() error {
		f.noteExchange() // readers of an earlier Log know the old files
		return nil
	})
	if err != nil {
		return err
	}
	if err := removeLog(f.fs, f.dir, o.log.config.TopicID); err != nil {
		return err
	}
	if err := f.fs.Rename(dir, f.dir); err != nil {
		return err
	}
	return f.fs.SyncDir(path.Dir(f.dir))
}

// removeRenewals removes what there is beside a log.
func removeRenewals(fs vfs.FS, dir string) error {
	for i := range renewalNames {
		if err := removeRenewal(fs, renewal(i+1).dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

func removeRenewal(fs vfs.FS, dir string) error {
	if err := removeDirectory(fs, dir); !vfs.IsNotExist(err) {
		return err
	}
	return nil
}
