package partitionlog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/vfs"
)

// The file chronik-compaction says how far a log is compacted, how far the pass under way has come and which
// segments are being exchanged. It is replaced as a whole; what is drawn here is its content:
//
//	version              uint8    1, 2 or 3
//	compacted up to      varint   the keys of all records below it have been looked at
//	length, segment      varint   the segment that takes the place of others, as a manifest of one entry;
//	                              length 0: no exchange is under way
//	number of segments   varint   that it takes the place of, only with a segment
//	  base               varint   difference from the base before; the first is that of the new segment
//	limit                varint   version 2 only, as what follows: how many dirty bytes a pass takes up; 0: all
//	begun                uint8    1: nothing of what was begun last is durable yet
//	end of the pass      varint   0: there is none
//	cleaned up to        varint
//	purged below         varint   version 3 only, see purge.go
//	CRC-32C              uint32   of everything before
//
// Without the file nothing is compacted, which costs a pass over the log. Version 2 is written only if there
// is a pass to tell of, and version 3 only if the log has been purged, so that an older program can go on
// with most logs that are at rest.
const (
	progressVersion      = 1
	progressVersionPass  = 2
	progressVersionPurge = 3
)

// maxProgressBytes bounds what is read of it: a million segments.
const maxProgressBytes = 8 << 20

// progress is the content of chronik-compaction.
type progress struct {
	compacted protocol.Offset
	pass      pass
	exchange  *exchange
	purged    protocol.Offset
}

// pass is how far a pass has come, so that another process goes on there instead of beginning anew. The keys
// that it goes by are those from progress.compacted to its end. They are not kept: who goes on reads them
// again. The zero value is that of a log that is not in the middle of a pass.
type pass struct {
	limit   int64           // bytes of the dirty part that a pass takes up at most, 0: as many as there are
	begun   bool            // if it was interrupted now, nothing would have come of what was begun last
	end     protocol.Offset // 0: there is none, or it has not read its keys yet
	cleaned protocol.Offset // segments below it are what the pass makes of them
}

// exchange is a segment that takes the place of others. From when it is durable on, a crash ends with the new
// segment, before that with the old ones.
type exchange struct {
	manifestEntry
	bases []protocol.Offset // of the old segments, ascending
}

var errProgress = errors.New("no progress of a compaction of a version that is known")

func (p *progress) encode() []byte {
	version := byte(progressVersion)
	switch {
	case p.purged > 0:
		version = progressVersionPurge
	case p.pass != (pass{}):
		version = progressVersionPass
	}
	data := append(make([]byte, 0, 96), version)
	data = binary.AppendUvarint(data, uint64(p.compacted))
	if p.exchange == nil {
		data = binary.AppendUvarint(data, 0)
	} else {
		entry := encodeManifest([]manifestEntry{p.exchange.manifestEntry})
		data = binary.AppendUvarint(data, uint64(len(entry)))
		data = append(data, entry...)
		data = binary.AppendUvarint(data, uint64(len(p.exchange.bases)))
		before := protocol.Offset(0)
		for _, base := range p.exchange.bases {
			data = binary.AppendUvarint(data, uint64(base-before))
			before = base
		}
	}
	if version >= progressVersionPass {
		data = p.pass.encode(data)
	}
	if version >= progressVersionPurge {
		data = binary.AppendUvarint(data, uint64(p.purged))
	}
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
}

// encode appends what decoder.pass reads.
func (p *pass) encode(data []byte) []byte {
	data = append(binary.AppendUvarint(data, uint64(p.limit)), flag(p.begun))
	data = binary.AppendUvarint(data, uint64(p.end))
	return binary.AppendUvarint(data, uint64(p.cleaned))
}

func (d *decoder) pass() pass {
	p := pass{limit: int64(d.offset())}
	begun := d.unsigned()
	d.failed = d.failed || begun > 1
	p.begun, p.end, p.cleaned = begun == 1, d.offset(), d.offset()
	return p
}

func parseProgress(data []byte) (progress, error) {
	n := len(data) - 4
	if n < 1 || crc32.Checksum(data[:n], castagnoli) != binary.BigEndian.Uint32(data[n:]) ||
		data[0] < progressVersion || data[0] > progressVersionPurge {
		return progress{}, errProgress
	}
	d := decoder{data: data[1:n]}
	p := progress{compacted: d.offset()}
	if length := d.unsigned(); length > 0 && !d.failed {
		if length > uint64(len(d.data)) {
			return progress{}, errProgress
		}
		entries, err := parseManifest(d.data[:length])
		if err != nil || len(entries) != 1 {
			return progress{}, errProgress
		}
		d.data = d.data[length:]
		p.exchange = &exchange{manifestEntry: entries[0], bases: d.bases()}
		if !p.exchange.sound() {
			return progress{}, errProgress
		}
	}
	if data[0] >= progressVersionPass {
		p.pass = d.pass()
	}
	if data[0] >= progressVersionPurge {
		p.purged = d.offset()
	}
	if d.failed || len(d.data) > 0 {
		return progress{}, errProgress
	}
	return p, nil
}

// bases reads ascending base offsets, each a byte at least.
func (d *decoder) bases() (bases []protocol.Offset) {
	count := d.unsigned()
	if count > uint64(len(d.data)) {
		d.failed = true
	}
	base := protocol.Offset(0)
	for ; count > 0 && !d.failed; count-- {
		base += d.offset()
		bases = append(bases, base)
	}
	return bases
}

// sound tells whether the old segments lie where the new one does.
func (e *exchange) sound() bool {
	n := len(e.bases)
	return e.manifestEntry.sound() && n > 0 && e.bases[0] == e.base && e.bases[n-1] < e.end &&
		slices.IsSorted(e.bases)
}

// writeProgress replaces the file and makes it durable.
func (f *files) writeProgress(p progress) error {
	if err := f.writeProgressSoon(p); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// writeProgressSoon is writeProgress, but durable only once names are synced for another reason.
func (f *files) writeProgressSoon(p progress) error {
	f.noting.Lock()
	defer f.noting.Unlock()
	return f.putProgress(p)
}

// rewriteProgress is writeProgress of what is on record, for when more than that has been purged.
func (f *files) rewriteProgress() error {
	f.noting.Lock()
	var p progress
	if f.noted != nil {
		p = *f.noted
	}
	err := f.putProgress(p)
	f.noting.Unlock()
	if err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// putProgress replaces the file, unless the log is no longer ours.
func (f *files) putProgress(p progress) error {
	p.purged = max(p.purged, f.purge.purged())
	temporary, err := f.stage(nameProgress, p.encode(), true)
	if err != nil {
		return err
	}
	err = f.whileOwner(func() error { return f.fs.Rename(temporary, f.path(nameProgress)) })
	if err == nil {
		f.noted = &p
	}
	return err
}

// reached returns how far compaction has come.
func (f *files) reached() progress {
	if p := f.progress.Load(); p != nil {
		return *p
	}
	return progress{}
}

// noteReached notes what chronik-compaction says, or will say with the next write. An exchange is no part of
// it.
func (f *files) noteReached(p progress) {
	p.exchange = nil
	f.progress.Store(&p)
}

// forgetExchange writes that no exchange is under way, if the file may say so of one that Open has completed
// or given up. The caller holds the lock of flushes.
func (f *files) forgetExchange() error {
	if !f.exchanged {
		return nil
	}
	if err := f.writeProgress(f.reached()); err != nil {
		return err
	}
	f.exchanged = false
	return nil
}

// readProgress reads the file. One that is missing or damaged says that nothing is compacted; had it named an
// exchange that was half done, the segments would not fit together and be refused. From a damaged one, nobody
// can tell what was purged: it might be everything.
func (o *opening) readProgress() progress {
	if !o.named[nameProgress] {
		return progress{}
	}
	data, err := vfs.ReadFile(o.log.files.fs, o.log.files.path(nameProgress), maxProgressBytes)
	if err != nil {
		return progress{purged: o.state.end}
	}
	p, err := parseProgress(data)
	if err != nil {
		return progress{purged: o.state.end}
	}
	return p
}

// finishExchange ends an exchange that an earlier Log on this directory had begun, and returns the manifest
// entry of the new segment, nil if the old ones stay. The .log file is renamed first and removed never, so it
// tells how far it had come:
//
//	the new segment is there under its temporary name    nothing was renamed; a Boot goes on, and a Rebuild,
//	                                                     whose readers use the old files, gives up
//	else the .log has the size of the new one            all else that there may be left to do is done
//	else                                                 it was given up before
func (o *opening) finishExchange() (*manifestEntry, error) {
	p, f := o.readProgress(), o.log.files
	f.noteReached(p)
	if p != (progress{}) {
		f.noted = &p
	}
	f.purge.raise(p.purged)
	e := p.exchange
	if e == nil {
		return nil, nil
	}
	f.exchanged = true
	if e.base < o.state.first || e.end > o.state.active.base {
		return nil, o.giveUpExchange()
	}
	fresh, err := f.fs.Stat(f.path(fileName(e.base, suffixLog) + suffixCleaned))
	switch {
	case err == nil && (o.how == Rebuild || fresh.Size != e.size):
		return nil, o.giveUpExchange()
	case err != nil && !vfs.IsNotExist(err):
		return nil, err
	case err != nil:
		renamed, err := f.fs.Stat(f.path(fileName(e.base, suffixLog)))
		if err != nil || renamed.Size != e.size {
			return nil, o.giveUpExchange()
		}
	}
	if err := f.renameCleaned(e.base); err != nil {
		return nil, err
	}
	for _, base := range e.bases[1:] {
		if err := removeSegmentFiles(f, base); err != nil {
			return nil, err
		}
	}
	if err := f.fs.SyncDir(f.dir); err != nil {
		return nil, err
	}
	o.bases = slices.DeleteFunc(o.bases, func(base protocol.Offset) bool {
		return base > e.base && slices.Contains(e.bases, base)
	})
	f.manifestWanted.Add(1)
	p.pass.cleaned = max(p.pass.cleaned, e.end)
	f.noteReached(p)
	return &e.manifestEntry, nil
}

// keepExchange writes the manifest of a completed exchange: the one on disk may still name the old segments,
// and the next compaction takes the exchange off the record.
func (o *opening) keepExchange(manifest map[protocol.Offset]*manifestEntry, fresh *manifestEntry) error {
	var entries []manifestEntry
	for _, base := range slices.Sorted(maps.Keys(manifest)) {
		if e := manifest[base]; base <= fresh.base && e.end <= fresh.end || base >= fresh.end {
			entries = append(entries, *e)
		}
	}
	f := o.log.files
	if err := f.replace(nameManifest, encodeManifest(entries), true); err != nil {
		return err
	}
	return f.fs.SyncDir(f.dir)
}

// giveUpExchange puts that on record before a Boot removes the files of the new segment, without which a
// later Boot could not tell. A Rebuild leaves them, and the record, to the next compaction.
func (o *opening) giveUpExchange() error {
	if o.how == Rebuild {
		return nil
	}
	f := o.log.files
	f.exchanged = false
	return f.writeProgress(f.reached())
}

// renameCleaned gives the files of a new segment their names, the log first.
func (f *files) renameCleaned(base protocol.Offset) error {
	for _, suffix := range cleanedSuffixes {
		name := f.path(fileName(base, suffix))
		if err := f.fs.Rename(name+suffixCleaned, name); err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	f.named.Add(1)
	return nil
}

// removeCleaned removes the files of a new segment that is not needed.
func (f *files) removeCleaned(base protocol.Offset) error {
	for _, suffix := range cleanedSuffixes {
		err := f.fs.Remove(f.path(fileName(base, suffix) + suffixCleaned))
		if err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	return nil
}
