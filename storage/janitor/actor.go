package janitor

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// Config says what the janitor looks after. Zero durations and sizes get defaults.
type Config struct {
	Log     zerolog.Logger
	Metrics prometheus.Registerer // nil: counted, but shown to nobody
	WAL     kit.Address
	Space   *Space

	CheckpointBytes int64         // size of the log that starts a round; 256 MiB
	Window          int           // groups under way at the same time; 8
	Deadline        time.Duration // for the answer to Capture; 10 s
	Retry           time.Duration // until the next round when groups were missed; 15 s
	Look            time.Duration // between two looks at the free space; 2 s
	Limits          Limits
}

func (c Config) withDefaults() Config {
	c.CheckpointBytes = orDefault(c.CheckpointBytes, 256<<20)
	c.Window = orDefault(c.Window, 8)
	c.Deadline = orDefault(c.Deadline, 10*time.Second)
	c.Retry = orDefault(c.Retry, 15*time.Second)
	c.Look = orDefault(c.Look, 2*time.Second)
	return c
}

func orDefault[T int | int64 | time.Duration](value, standard T) T {
	if value == 0 {
		return standard
	}
	return value
}

// Spec says how to make the actor.
func Spec(c Config) kit.Spec {
	c = c.withDefaults()
	metrics := newMetrics(c.Metrics) // once, even if the actor is made again
	return kit.Spec{New: func() kit.Actor { return newJanitor(c, metrics) }, Log: &c.Log}
}

type (
	flush struct{} // run the next flush
	sweep struct{} // look for groups that have not answered
	again struct{} // start a round if the log is still too large
	look  struct{} // look at the free space
)

// janitor is the actor.
type janitor struct {
	config  Config
	metrics *metrics
	groups  map[wal.GroupID]kit.Address

	live     int64 // bytes of the log as far as known
	full     bool  // the log refuses entries
	round    *round
	waiting  []CheckpointNow // for the round after this one
	token    uint64
	flushing bool // a flush message is under way
	sweeping bool // a sweep message is under way
}

func newJanitor(c Config, m *metrics) *janitor {
	return &janitor{config: c, metrics: m, groups: map[wal.GroupID]kit.Address{}}
}

// Receive implements kit.Actor.
func (j *janitor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		j.onStarted(c)
	case Register:
		j.onRegister(c, m)
	case Unregister:
		j.onUnregister(c, m)
	case Captured:
		j.onCaptured(c, m)
	case CheckpointNow:
		j.onCheckpointNow(c, m)
	case walactor.Grown:
		j.onGrown(c, m)
	case walactor.Pinned:
		j.onPinned(c, m)
	case walactor.Appended:
		j.onAppended(c, m)
	case walactor.Released:
		j.onReleased(c, m)
	case flush:
		j.onFlush(c)
	case sweep:
		j.onSweep(c)
	case again:
		j.maybeBegin(c)
	case look:
		j.onLook(c)
	case kit.Stopped:
		j.onStopped()
	}
}

func (j *janitor) onStarted(c *kit.Context) {
	j.onLook(c)
	c.Every(j.config.Look, look{})
	j.config.WAL.Tell(walactor.Subscribe{Who: c.Self()})
}

func (j *janitor) onRegister(c *kit.Context, m Register) {
	j.groups[m.Group] = m.Who
	if j.round == nil {
		return
	}
	if _, asked := j.round.asked.Take(m.Group); asked {
		j.ask(c, m.Group)
	}
}

func (j *janitor) onUnregister(c *kit.Context, m Unregister) {
	delete(j.groups, m.Group)
	if j.round != nil {
		j.round.drop(m.Group)
		j.advance(c)
	}
}

func (j *janitor) onGrown(c *kit.Context, m walactor.Grown) {
	j.live, j.full = m.Stats.LiveBytes, m.Full
	j.onLook(c) // fast producers fill a disk between two ticks; the log has just taken so much, too
	j.maybeBegin(c)
}

// maybeBegin starts a round if there is reason to and none is under way.
func (j *janitor) maybeBegin(c *kit.Context) {
	if j.round == nil && (j.full || j.live >= j.config.CheckpointBytes) {
		j.begin(c, j.config.CheckpointBytes/2)
	}
}

func (j *janitor) onCheckpointNow(c *kit.Context, m CheckpointNow) {
	j.waiting = append(j.waiting, m)
	if j.round == nil {
		j.begin(c, 0)
	}
}

// begin starts a round, for all who wait for one, after which at most keep bytes of the log should be needed.
func (j *janitor) begin(c *kit.Context, keep int64) {
	if j.full {
		keep = 0
	}
	j.token++
	j.round = &round{logging: map[uint64]Checkpointed{}, begun: c.Now()}
	j.round.waiters, j.waiting = j.waiting, nil
	j.config.WAL.Tell(walactor.Pins{Keep: keep, ReplyTo: c.Self(), Token: j.token})
}

func (j *janitor) onPinned(c *kit.Context, m walactor.Pinned) {
	if j.round == nil || m.Token != j.token {
		return
	}
	if m.Err != nil {
		c.Log().Warn().Err(m.Err).Msg("cannot ask the log for a round of checkpoints")
	}
	j.round.queue = m.Groups
	j.advance(c)
}

// advance asks as many groups as may be under way, and ends the round when nobody is left.
func (j *janitor) advance(c *kit.Context) {
	for {
		group, more := j.round.next(j.config.Window)
		if !more {
			break
		}
		j.ask(c, group)
	}
	if j.round.over() {
		j.end(c)
	}
}

// ask asks a group for its state; one that does not run is missed.
func (j *janitor) ask(c *kit.Context, group wal.GroupID) {
	who, runs := j.groups[group]
	if !runs {
		j.round.missed++
		return
	}
	j.round.asked.Add(group, group, c.Now().Add(j.config.Deadline))
	who.Tell(Capture{Group: group, ReplyTo: c.Self()})
	if !j.sweeping {
		j.sweeping = true
		c.After(j.config.Deadline, sweep{})
	}
}

func (j *janitor) onSweep(c *kit.Context) {
	j.sweeping = false
	if j.round == nil {
		return
	}
	if late := j.round.expire(c.Now()); late > 0 {
		c.Log().Warn().Int("groups", late).Dur("deadline", j.config.Deadline).
			Msg("groups did not answer for a checkpoint")
		j.advance(c)
	}
	if j.round != nil && j.round.asked.Len() > 0 && !j.sweeping {
		j.sweeping = true
		c.After(j.round.asked.Next().Sub(c.Now()), sweep{})
	}
}

func (j *janitor) onCaptured(c *kit.Context, m Captured) {
	if j.round == nil {
		return
	}
	if j.round.onCaptured(m, errors.Is(m.Err, kit.ErrStopped)) {
		j.flushSoon(c)
	}
	j.advance(c)
}

// flushSoon has the next flush run in a turn of its own, after what is in the mailbox now.
func (j *janitor) flushSoon(c *kit.Context) {
	if !j.flushing {
		j.flushing = true
		c.Self().Tell(flush{})
	}
}

// onFlush makes the files of one group durable and sends its checkpoint to the log.
func (j *janitor) onFlush(c *kit.Context) {
	j.flushing = false
	if j.round == nil {
		return
	}
	m, ok := j.round.takeCaptured()
	if !ok {
		return
	}
	begun := c.Now()
	machine, err := runFlush(m.Flush)
	j.metrics.flushSeconds.Observe(c.Now().Sub(begun).Seconds())
	if err != nil {
		j.round.missed++
		c.Log().Error().Uint64("group", uint64(m.Group)).Err(err).Msg("cannot flush for a checkpoint")
	} else {
		j.log(c, m, machine)
	}
	if len(j.round.captured) > 0 {
		j.flushSoon(c)
	}
	j.advance(c)
}

// runFlush turns a panic into an error: the function belongs to a group, and its bugs must not stop the
// checkpoints of all the others.
func runFlush(flush func() ([]byte, error)) (machine []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("flush panicked: %v", reason)
		}
	}()
	return flush()
}

// log sends a checkpoint to the log.
func (j *janitor) log(c *kit.Context, m Captured, machine []byte) {
	j.token++
	j.round.logging[j.token] = Checkpointed{Group: m.Group, Index: m.Index, Machine: machine}
	checkpoint := &wal.Checkpoint{Index: m.Index, Term: m.Term, ConfState: m.ConfState, Machine: machine}
	j.config.WAL.Tell(walactor.Append{
		Update:  wal.Update{Group: m.Group, Checkpoint: checkpoint, Compaction: true},
		ReplyTo: c.Self(),
		Token:   j.token,
	})
}

func (j *janitor) onAppended(c *kit.Context, m walactor.Appended) {
	if j.round == nil {
		return
	}
	if done, ok := j.round.onAppended(m.Token, m.Err); ok {
		j.groups[done.Group].Tell(done)
	}
	j.advance(c)
}

// end closes the round and starts the next one if somebody waits for it. The round is there until those who
// wait for it are told: should this fail, onStopped tells them.
func (j *janitor) end(c *kit.Context) {
	r := j.round
	j.metrics.made.Add(float64(r.made))
	j.metrics.missed.Add(float64(r.missed))
	c.Log().Debug().Int("made", r.made).Int("missed", r.missed).Dur("took", c.Now().Sub(r.begun)).
		Msg("checkpoints")
	for _, w := range r.waiters {
		w.ReplyTo.Tell(CheckpointsMade{Made: r.made, Missed: r.missed, Token: w.Token})
	}
	j.round = nil
	if j.config.Space.Low() || j.full {
		j.config.WAL.Tell(walactor.Release{ReplyTo: c.Self()})
	}
	if len(j.waiting) > 0 {
		j.begin(c, 0)
		return
	}
	if r.missed > 0 {
		c.After(j.config.Retry, again{})
	}
}

func (j *janitor) onReleased(c *kit.Context, m walactor.Released) {
	if m.Err != nil {
		c.Log().Warn().Err(m.Err).Msg("cannot give back files of the log")
		return
	}
	j.live = m.Stats.LiveBytes
}

// onLook looks at the free space. A disk that cannot even tell that is reported once per look and changes
// nothing.
func (j *janitor) onLook(c *kit.Context) {
	space := j.config.Space
	changed, err := space.look(j.config.Limits)
	if err != nil {
		c.Log().Warn().Err(err).Msg("cannot find out how much room is left")
		return
	}
	j.metrics.free.Set(float64(space.Free()))
	switch {
	case !changed:
	case space.Low():
		c.Log().Error().Int64("free", space.Free()).Msg("disk is nearly full, new data is refused")
		j.config.WAL.Tell(walactor.Release{ReplyTo: c.Self()})
	default:
		c.Log().Info().Int64("free", space.Free()).Msg("disk has room again, new data is accepted")
	}
	// What is deleted leaves the disk with the next checkpoint, and a log that takes nothing new would never
	// reach one: the disk would stay full.
	if space.Low() && j.round == nil {
		j.begin(c, 0)
	}
}

// onStopped answers those who wait for a round that will not come.
func (j *janitor) onStopped() {
	waiters := j.waiting
	if j.round != nil {
		waiters = append(waiters, j.round.waiters...)
	}
	for _, w := range waiters {
		w.Refuse(kit.ErrStopped)
	}
}
