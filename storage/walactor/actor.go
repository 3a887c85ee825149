package walactor

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
)

const (
	// maxMessages bounds a turn, so that one reply is never further than this away.
	maxMessages = 8192
	// maxFrameBytes is where a turn is split: half of a usual file, so that frames fit in files.
	maxFrameBytes = 32 << 20
	// maxSubscribers is a sanity bound; there is one, the janitor, and a new one after it was rebuilt.
	maxSubscribers = 16
)

// Config is what the actor needs. The log becomes its own: nobody else may use it, and the actor closes it.
type Config struct {
	Log     zerolog.Logger
	WAL     *wal.WAL
	Metrics prometheus.Registerer // nil: counted, but shown to nobody

	// PlaceBytes is how much of large entries a group must have in a round for its Placer to write them
	// elsewhere than to the log, which costs a sync of another file; 0 means 256 KiB, negative never.
	PlaceBytes int64
}

// Spec says how to make the actor.
func Spec(c Config) kit.Spec {
	return kit.Spec{
		New:     func() kit.Actor { return newActor(c) },
		Mailbox: kit.Batched(maxMessages),
		Log:     &c.Log,
	}
}

// walActor is the actor. All of its work happens inside of its turns.
type walActor struct {
	wal     *wal.WAL
	metrics *metrics
	stall   *stallWatch
	failed  error // set once; nothing is written after it
	busy    bool  // in a turn; still set in Stopped if the turn panicked

	batch    batch
	loads    loads
	placing  placing
	refused  map[wal.GroupID]error // groups that must Load before they append again
	listener []kit.Address
	sequence uint64 // of the current file when the listeners were told last
	full     bool   // the listeners know that there is no room
}

func newActor(c Config) *walActor {
	return &walActor{
		wal:     c.WAL,
		metrics: newMetrics(c.Metrics),
		stall:   newStallWatch(c.Log),
		refused: map[wal.GroupID]error{},
		placing: newPlacing(c.PlaceBytes),
	}
}

// Receive implements kit.Actor.
func (a *walActor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case kit.Batch:
		a.onBatch(c, m)
	case kit.Stopping:
		a.loads.refuse(c.Failed())
	case kit.Stopped:
		a.onStopped(c)
	}
}

func (a *walActor) onStarted(c *kit.Context) {
	a.sequence = a.wal.Sequence()
	a.metrics.show(a.wal.Stats())
	c.Log().Info().Int("groups", len(a.wal.Groups())).Msg("write-ahead log is open")
}

// onBatch is a turn: appends are gathered until something else needs the log, or until they are many.
func (a *walActor) onBatch(c *kit.Context, b kit.Batch) {
	a.busy = true
	a.loads.begin()
	for _, message := range b.Messages {
		if m, ok := message.(Append); ok {
			a.gather(c, m)
			continue
		}
		a.commit(c)
		switch m := message.(type) {
		case Load:
			a.onLoad(m)
		case readOn:
			a.loads.readOn()
		case Embed:
			a.onEmbed(c, m)
		case Pins:
			a.onPins(m)
		case Release:
			a.onRelease(c, m)
		case Subscribe:
			a.onSubscribe(m)
		}
	}
	a.commit(c)
	a.loads.end(c)
	a.busy = false
}

func (a *walActor) gather(c *kit.Context, m Append) {
	if size := sizeOf(&m.Update); a.batch.bytes > 0 && a.batch.bytes+size > maxFrameBytes {
		a.commit(c)
	}
	if m.Update.Remove {
		delete(a.refused, m.Update.Group)
	}
	a.batch.add(m, a.refusal(&m.Update))
}

// refusal returns why an update cannot be taken, without looking at the log.
func (a *walActor) refusal(u *wal.Update) error {
	if a.failed != nil {
		return a.failed
	}
	if err := a.refused[u.Group]; err != nil && dependent(u) {
		return err
	}
	return nil
}

// dependent tells whether an update builds on earlier ones of its group.
func dependent(u *wal.Update) bool {
	return !u.Remove && (u.Hard != nil || u.ConfState != nil || len(u.Entries) > 0)
}

// commit makes what was gathered durable and answers all of it in order.
func (a *walActor) commit(c *kit.Context) {
	if len(a.batch.appends) == 0 {
		return
	}
	if a.batch.open > 0 {
		a.write(c)
	}
	a.batch.answer()
	a.batch.reset()
	if a.failed == nil {
		a.afterCommit(c)
	}
}

// write appends what can be appended and syncs. Each round of the loop refuses at least one update, or
// succeeds.
func (a *walActor) write(c *kit.Context) {
	a.stall.begin()
	defer a.stall.end()
	if err := a.placing.place(&a.batch); err != nil {
		a.fail(c, err)
		return
	}
	for a.batch.open > 0 {
		err := a.wal.Append(a.batch.updates())
		if err == nil {
			a.sync(c)
			return
		}
		if update, ok := errors.AsType[*wal.UpdateError](err); ok {
			a.refuse(c, a.batch.position(update.Update), err)
			continue
		}
		if !errors.Is(err, wal.ErrNoSpace) {
			a.fail(c, err)
			return
		}
		a.refuseForRoom(c, err)
	}
}

func (a *walActor) sync(c *kit.Context) {
	begun := c.Now()
	err := a.wal.Sync()
	a.metrics.synced(c.Now().Sub(begun), a.batch.open, a.batch.bytes-a.placing.bytes)
	a.metrics.placed.Add(float64(a.placing.bytes))
	if err != nil {
		a.fail(c, err)
	}
}

// refuse gives up the update at a position of the batch, and everything of the same group that builds on it.
func (a *walActor) refuse(c *kit.Context, position int, err error) {
	refused := &a.batch.appends[position].Update
	a.batch.refuse(position, err)
	if !dependent(refused) {
		return
	}
	if !errors.Is(err, wal.ErrNoSpace) {
		c.Log().Error().Uint64("group", uint64(refused.Group)).Err(err).Msg("impossible update refused")
	}
	a.refused[refused.Group] = err
	for i := position + 1; i < len(a.batch.appends); i++ {
		if u := &a.batch.appends[i].Update; u.Group == refused.Group && dependent(u) {
			a.batch.refuse(i, err)
		}
	}
}

// refuseForRoom gives up all groups that have entries in the batch. Without any even small updates found no
// room, which the reserve of the log rules out unless the disk was full from the very first start; then all
// are given up.
func (a *walActor) refuseForRoom(c *kit.Context, err error) {
	before := a.batch.open
	for i := range a.batch.appends {
		if a.batch.errs[i] == nil && len(a.batch.appends[i].Update.Entries) > 0 {
			a.refuse(c, i, err)
		}
	}
	if a.batch.open == before {
		for i := range a.batch.appends {
			if a.batch.errs[i] == nil {
				a.refuse(c, i, err)
			}
		}
	}
	if !a.full {
		a.full = true
		c.Log().Warn().Err(err).Msg("write-ahead log takes no more entries until there is room")
		a.tellGrown()
	}
}

// fail gives up the log. The updates of this turn may or may not be on disk.
func (a *walActor) fail(c *kit.Context, err error) {
	if !errors.Is(err, ErrFailed) {
		err = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	a.failed = err
	a.batch.refuseAll(err)
	c.Log().Error().Err(err).Msg("write-ahead log has failed, the node must stop")
	c.Parent().Tell(Failed{Err: err})
}

// afterCommit does what nobody waits for.
func (a *walActor) afterCommit(c *kit.Context) {
	a.stall.begin()
	defer a.stall.end()
	if err := a.wal.Maintain(); err != nil {
		a.fail(c, err)
		return
	}
	if sequence := a.wal.Sequence(); sequence != a.sequence {
		a.sequence, a.full = sequence, false
		a.tellGrown()
	}
}

func (a *walActor) onLoad(m Load) {
	if a.failed != nil {
		m.Refuse(a.failed)
		return
	}
	delete(a.refused, m.Group)
	a.loads.add(m, a.wal.Read(m.Group))
}

func (a *walActor) onPins(m Pins) {
	if a.failed != nil {
		m.Refuse(a.failed)
		return
	}
	m.ReplyTo.Tell(Pinned{Groups: a.wal.Pins(m.Keep), Stats: a.wal.Stats(), Token: m.Token})
}

func (a *walActor) onRelease(c *kit.Context, m Release) {
	if a.failed != nil {
		m.Refuse(a.failed)
		return
	}
	a.stall.begin()
	err := a.wal.Release()
	a.stall.end()
	if err != nil && !errors.Is(err, wal.ErrNoSpace) {
		a.fail(c, err)
		err = a.failed
	}
	m.ReplyTo.Tell(Released{Stats: a.wal.Stats(), Token: m.Token, Err: err})
}

func (a *walActor) onSubscribe(m Subscribe) {
	for i := range a.listener {
		if a.listener[i].Equal(m.Who) {
			a.listener = append(a.listener[:i], a.listener[i+1:]...)
			break
		}
	}
	if len(a.listener) == maxSubscribers {
		a.listener = a.listener[1:]
	}
	a.listener = append(a.listener, m.Who)
	m.Who.Tell(Grown{Stats: a.wal.Stats(), Full: a.full})
}

func (a *walActor) tellGrown() {
	stats := a.wal.Stats()
	a.metrics.show(stats)
	for _, who := range a.listener {
		who.Tell(Grown{Stats: stats, Full: a.full})
	}
}

// onStopped closes the log, unless a panic has left it in the middle of something.
func (a *walActor) onStopped(c *kit.Context) {
	a.stall.stop()
	if a.busy {
		return
	}
	if err := a.wal.Close(); err != nil && a.failed == nil {
		c.Log().Error().Err(err).Msg("cannot close the write-ahead log")
	}
}
