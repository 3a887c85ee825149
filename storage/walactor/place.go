package walactor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

// Placer writes the data of large entries of a group to where the group's machine will want it in the end, so
// that the log need not hold it as well. It is told of every update of its group, in order, right before the
// update is written; all calls come from the turns of this actor.
type Placer interface {
	// Follow looks at the next update of the group. Data of entries that has at least so many bytes may be
	// written elsewhere, which it notes in Entry.At; with 0 nothing may. It reports whether something was
	// written. round is that of the frame which the update becomes part of: what an update of the same
	// round drops is not dropped yet, and its data must stay.
	Follow(u *wal.Update, round uint64, atLeast int) bool
	// Sync makes what was written durable. After an error it is not tried again.
	Sync() error
	// Forget says that the log refers to nothing any more that is not applied yet.
	Forget()
}

// placing is what decides which entries are written elsewhere, and does it.
//
// The order is what recovery rests on: first the data is durable, then the frame that refers to it is
// written. So a frame that is whole after a crash refers to nothing that is not there, and nothing is known
// of a frame that is not. To sync both side by side would take less time, a tenth of a millisecond on a good
// disk; but then each start would have to read all that the last frame refers to before it could tell where
// the log ends, and could not tell data that was torn from data that was damaged later.
type placing struct {
	entryBytes int64 // from which on an entry is large; negative: none is
	roundBytes int64 // see Config.PlaceBytes

	round uint64
	large map[wal.GroupID]int64 // scratch: bytes of large entries in this round, if they may be written
	most  []wal.GroupID         // scratch: those groups, by how much that is
	dirty []Placer              // scratch: those that have written in this round
	bytes int64                 // written in this round
}

const (
	// largeEntry is from which size on data is worth being written elsewhere. What is smaller costs less in
	// one write with all the rest than by itself.
	largeEntry = 16 << 10
	// defaultPlaceBytes is what a flood has in each round, and a partition with a few megabytes a second has
	// not: that one is worth more an answer without another sync.
	defaultPlaceBytes = 256 << 10
	// maxPlacers is how many files a round may have to sync beside the log. Where that is slow all groups of
	// the node would wait for a round of a hundred; those with the largest shares are worth the most.
	maxPlacers = 16
)

func newPlacing(bytes int64) placing {
	bytes = cmp.Or(bytes, defaultPlaceBytes)
	return placing{entryBytes: min(bytes, largeEntry), roundBytes: bytes, large: map[wal.GroupID]int64{}}
}

// place lets the placers of the groups that have updates in the batch write what is large, and syncs that.
func (p *placing) place(b *batch) error {
	p.round, p.bytes = p.round+1, 0
	p.measure(b)
	for i := range b.appends {
		m := &b.appends[i]
		if b.errs[i] != nil || m.Placer == nil {
			continue
		}
		atLeast := int64(0)
		if p.large[m.Update.Group] > 0 && !m.Inline {
			atLeast = p.entryBytes
		}
		if m.Placer.Follow(&m.Update, p.round, int(atLeast)) {
			p.touch(m.Placer, &m.Update)
		}
	}
	err := p.sync()
	clear(p.dirty)
	p.dirty = p.dirty[:0]
	return err
}

// measure finds out for which groups it pays: another file costs another sync, so there must be enough in it.
// That and maxPlacers bound what a round can cost, however many groups it has: each sync comes with so many
// bytes that are not written twice.
func (p *placing) measure(b *batch) {
	clear(p.large)
	if p.entryBytes <= 0 {
		return
	}
	for i := range b.appends {
		m := &b.appends[i]
		if b.errs[i] != nil || m.Placer == nil || m.Inline {
			continue
		}
		for j := range m.Update.Entries {
			if size := int64(len(m.Update.Entries[j].Data)); size >= p.entryBytes {
				p.large[m.Update.Group] += size
			}
		}
	}
	maps.DeleteFunc(p.large, func(_ wal.GroupID, bytes int64) bool { return bytes < p.roundBytes })
	if len(p.large) > maxPlacers {
		p.keepMost()
	}
}

// keepMost lets only those write that have the most.
func (p *placing) keepMost() {
	p.most = slices.AppendSeq(p.most[:0], maps.Keys(p.large))
	slices.SortFunc(p.most, func(a, b wal.GroupID) int {
		return cmp.Or(cmp.Compare(p.large[b], p.large[a]), cmp.Compare(a, b))
	})
	for _, group := range p.most[maxPlacers:] {
		delete(p.large, group)
	}
}

// touch notes a placer; those of one round are few, as each has written much.
func (p *placing) touch(who Placer, u *wal.Update) {
	for i := range u.Entries {
		if u.Entries[i].At != nil {
			p.bytes += int64(len(u.Entries[i].Data))
		}
	}
	if !slices.Contains(p.dirty, who) {
		p.dirty = append(p.dirty, who)
	}
}

func (p *placing) sync() error {
	for _, one := range p.dirty {
		if err := one.Sync(); err != nil {
			return fmt.Errorf("sync what the log is about to refer to: %w", err)
		}
	}
	return nil
}

// Embed asks to take the data of a group's entries from an index on into the log, where that lies elsewhere:
// its place is needed for other data. It is answered with Embedded.
type Embed struct {
	Group   wal.GroupID
	From    uint64
	Placer  Placer
	ReplyTo kit.Address
	Token   uint64
}

// Refuse implements kit.Refusable.
func (m Embed) Refuse(err error) { m.ReplyTo.Tell(Embedded{Group: m.Group, Token: m.Token, Err: err}) }

// Embedded answers Embed. Err is what Appended and Loaded may have.
type Embedded struct {
	Group wal.GroupID
	Token uint64
	Err   error
}

// IsReply implements kit.Reply.
func (Embedded) IsReply() {}

func (a *walActor) onEmbed(c *kit.Context, m Embed) {
	if err := a.refusal(&wal.Update{Group: m.Group, Hard: &wal.HardState{}}); err != nil {
		m.Refuse(err)
		return
	}
	a.stall.begin()
	err := a.wal.Embed(m.Group, m.From)
	a.stall.end()
	if err == nil {
		m.Placer.Forget()
	} else if isFailure(err) {
		a.fail(c, err)
		err = a.failed
	}
	m.ReplyTo.Tell(Embedded{Group: m.Group, Token: m.Token, Err: err})
}

// isFailure tells a failed log, which is not touched again, from what concerns one group alone.
func isFailure(err error) bool { return errors.Is(err, wal.ErrFailed) }
