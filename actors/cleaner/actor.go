package cleaner

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// Options says what to compact and how fast.
type Options struct {
	Table    *partition.Table
	Interval time.Duration // between two looks; 0: 15 s
	Rate     int64         // bytes per second, read and written together; 0: 32 MiB
	KeyBytes int64         // memory for keys; 0: 64 MiB
	Metrics  prometheus.Registerer
	Log      zerolog.Logger
}

// Defaults of Options. The rate leaves most of a disk, and of a core, to the load.
const (
	DefaultInterval = 15 * time.Second
	DefaultRate     = 32 << 20
	DefaultKeyBytes = 64 << 20
)

// stepBytes is how much one turn reads and writes, about: a few milliseconds.
const stepBytes = 256 << 10

// retryAfter is how long a log that could not be compacted is left alone.
const retryAfter = 10 * time.Minute

// Look makes the cleaner look for something to do now instead of at its next turn.
type Look struct{}

// step moves the compaction under way on.
type step struct{}

// Spec says how to make the actor.
func Spec(o Options) kit.Spec {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.KeyBytes <= 0 {
		o.KeyBytes = DefaultKeyBytes
	}
	metrics := newMetrics(o.Metrics) // once, even if the actor is made again
	return kit.Spec{
		New: func() kit.Actor {
			return &cleaner{options: o, metrics: metrics, failed: map[*partition.Replica]time.Time{}}
		},
		Log: &o.Log,
	}
}

// cleaner is the actor.
type cleaner struct {
	options Options
	metrics *metrics
	job     *partitionlog.Compaction // nil while there is nothing to do
	replica *partition.Replica       // of the job
	begun   time.Time
	failed  map[*partition.Replica]time.Time
}

// Receive implements kit.Actor.
func (a *cleaner) Receive(c *kit.Context) {
	switch c.Message().(type) {
	case kit.Started:
		c.Every(a.options.Interval, Look{})
	case Look:
		a.onLook(c)
	case step:
		a.onStep(c)
	case kit.Stopped:
		a.onStopped()
	}
}

// onLook begins the compaction that gains most, if none is under way.
func (a *cleaner) onLook(c *kit.Context) {
	if a.job != nil {
		return
	}
	now := c.Now()
	for replica, since := range a.failed {
		if now.Sub(since) > retryAfter {
			delete(a.failed, replica)
		}
	}
	replica := a.dirtiest(now.UnixMilli())
	if replica == nil {
		return
	}
	job, err := replica.Log().Compact(now.UnixMilli(), a.options.KeyBytes)
	if err != nil {
		a.fail(c, replica, err)
		return
	}
	a.job, a.replica, a.begun = job, replica, now
	c.Self().Tell(step{})
}

// dirtiest returns the replica whose log has the largest share of what was never looked at, of those that
// are due; nil if there is none.
func (a *cleaner) dirtiest(now int64) *partition.Replica {
	var best *partition.Replica
	most, due := -1.0, 0
	a.options.Table.Each(func(topic *partition.Topic) bool {
		for _, replica := range topic.Replicas {
			if replica == nil || !replica.Config().Compact || replica.Log() == nil {
				continue
			}
			if _, failed := a.failed[replica]; failed {
				continue
			}
			// A log follows the configuration of its topic by its next append; one that nobody writes to, here.
			if replica.Log().Reconfigure(replica.Config().Log) != nil {
				continue // it is closed, or failed: whoever owns it tells
			}
			dirt := replica.Log().Dirt(now)
			if !dirt.Due {
				continue
			}
			due++
			if dirt.Ratio > most {
				best, most = replica, dirt.Ratio
			}
		}
		return true
	})
	a.metrics.due.Set(float64(due))
	return best
}

// onStep does a piece of work and sees to it that the next comes as soon as the rate allows.
func (a *cleaner) onStep(c *kit.Context) {
	if a.job == nil {
		return
	}
	moved, done, err := a.job.Step(stepBytes)
	a.metrics.bytes.Add(float64(moved))
	pause := time.Duration(moved) * time.Second / time.Duration(a.options.Rate)
	switch {
	case err != nil:
		a.fail(c, a.replica, err)
		a.job, a.replica = nil, nil
	case done:
		a.finish(c)
		c.After(pause, Look{}) // there may be another one
	case pause > 0:
		c.After(pause, step{})
	default:
		c.Self().Tell(step{})
	}
}

func (a *cleaner) finish(c *kit.Context) {
	a.metrics.done.Inc()
	a.metrics.removed.Add(float64(a.job.Removed))
	c.Log().Info().Str("topic", a.replica.Topic).Int32("partition", a.replica.Partition).
		Int64("read", a.job.Read).Int64("written", a.job.Written).Int64("records_removed", a.job.Removed).
		Int("passes", a.job.Passes).Dur("took", c.Now().Sub(a.begun)).Msg("log is compacted")
	a.job, a.replica = nil, nil
}

// fail leaves a log alone for a while, and says why unless it was just taken away.
func (a *cleaner) fail(c *kit.Context, replica *partition.Replica, err error) {
	gone := errors.Is(err, partitionlog.ErrClosed) || errors.Is(err, partitionlog.ErrOffsetOutOfRange)
	if gone || errors.Is(err, partitionlog.ErrNothingToCompact) {
		return
	}
	a.failed[replica] = c.Now()
	a.metrics.failed.Inc()
	c.Log().Warn().Err(err).Str("topic", replica.Topic).Int32("partition", replica.Partition).
		Dur("retry_after", retryAfter).Msg("log cannot be compacted")
}

// onStopped gives up what is under way.
func (a *cleaner) onStopped() {
	if a.job != nil {
		a.job.Close()
	}
}
