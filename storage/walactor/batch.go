package walactor

import "github.com/chronik-go/chronik/storage/wal"

// batch is what is gathered for one frame. It knows no actors; its slices are used again and again.
type batch struct {
	appends []Append
	errs    []error // the answer to each append; nil while it is to be written, and in the end if it was
	open    int     // how many have no error
	bytes   int64   // of those that were open when they were added

	frame []wal.Update // scratch: the open ones
}

func (b *batch) add(m Append, refusal error) {
	b.appends = append(b.appends, m)
	b.errs = append(b.errs, refusal)
	if refusal == nil {
		b.open++
		b.bytes += sizeOf(&m.Update)
	}
}

// updates returns those that are open, in order. It is valid until the next change.
func (b *batch) updates() []wal.Update {
	b.frame = b.frame[:0]
	for i := range b.appends {
		if b.errs[i] == nil {
			b.frame = append(b.frame, b.appends[i].Update)
		}
	}
	return b.frame
}

// position returns where the n-th open append is.
func (b *batch) position(n int) int {
	for i, err := range b.errs {
		if err == nil {
			if n == 0 {
				return i
			}
			n--
		}
	}
	panic("BUG: got an update that is not in the batch, want one of those written")
}

func (b *batch) refuse(position int, err error) {
	if b.errs[position] == nil {
		b.errs[position] = err
		b.open--
	}
}

func (b *batch) refuseAll(err error) {
	for i := range b.errs {
		b.refuse(i, err)
	}
}

func (b *batch) answer() {
	for i := range b.appends {
		m := &b.appends[i]
		m.ReplyTo.Tell(Appended{Group: m.Update.Group, Token: m.Token, Err: b.errs[i]})
	}
}

// reset lets go of everything. A turn of the largest size leaves its slices; they are a few megabytes at
// most.
func (b *batch) reset() {
	clear(b.appends)
	clear(b.errs)
	clear(b.frame[:cap(b.frame)])
	*b = batch{appends: b.appends[:0], errs: b.errs[:0], frame: b.frame[:0]}
}

// sizeOf estimates the bytes of an update in the log.
func sizeOf(u *wal.Update) int64 {
	const perRecord = 48
	size := int64(perRecord + len(u.ConfState) + perRecord*len(u.Entries))
	if c := u.Checkpoint; c != nil {
		size += int64(perRecord + len(c.ConfState) + len(c.Machine))
	}
	for i := range u.Entries {
		size += int64(len(u.Entries[i].Data))
	}
	return size
}
