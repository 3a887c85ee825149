package storage

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/storage/datadir"
	"github.com/chronik-go/chronik/storage/janitor"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

const (
	nameWAL     = "wal"
	nameJanitor = "janitor"
)

// Config says which data directory to open and how. Zero sizes mean the defaults of wal.Options and
// janitor.Config.
type Config struct {
	Log     zerolog.Logger
	Metrics prometheus.Registerer // nil: counted, but shown to nobody
	FS      vfs.FS                // nil: the real one
	Dir     string
	NodeID  int32

	WALFileBytes    int64
	CheckpointBytes int64
	PlaceBytes      int64         // see walactor.Config
	ReserveBytes    int64         // free room below which janitor.Space is Low; 0: never
	Incarnation     func() uint64 // see wal.Options; for tests
}

// Spec says how to make the actor.
func Spec(config Config) kit.Spec {
	if config.FS == nil {
		config.FS = vfs.OS()
	}
	if absolute, err := filepath.Abs(config.Dir); err == nil { // what tools and clients are shown
		config.Dir = absolute
	}
	return kit.Spec{New: func() kit.Actor { return newStorage(config) }, Log: &config.Log}
}

// rebuild says that the wait before a new janitor is over.
type rebuild struct{}

// storage is the actor.
type storage struct {
	config   Config
	dir      *datadir.Dir
	space    *janitor.Space
	wal      kit.Address
	janitor  kit.Spec
	restarts kit.Restarts
	wait     time.Duration                    // before the janitor that has failed is made anew
	groups   map[wal.GroupID]janitor.Register // for a janitor that is made anew
	failed   bool
}

func newStorage(config Config) *storage {
	return &storage{
		config:   config,
		groups:   map[wal.GroupID]janitor.Register{},
		restarts: kit.Restarts{Limit: 5, Within: time.Minute, Min: 10 * time.Millisecond, Max: time.Second},
	}
}

// Receive implements kit.Actor.
func (s *storage) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		s.onStarted(c)
	case janitor.Register:
		s.onRegister(c, m)
	case janitor.Unregister:
		s.onUnregister(c, m)
	case janitor.CheckpointNow:
		s.toJanitor(c, m)
	case walactor.Failed:
		s.fail(c, m.Err)
	case kit.ChildFailed:
		s.onChildFailed(c, m)
	case kit.Terminated:
		s.onTerminated(c, m)
	case rebuild:
		s.spawnJanitor(c)
	case kit.Stopped:
		s.onStopped(c)
	}
}

func (s *storage) onStarted(c *kit.Context) {
	begun := c.Now()
	log, err := s.open()
	if err != nil {
		s.fail(c, err)
		return
	}
	groups := log.Groups()
	c.Log().Info().Str("directory", s.config.Dir).Int("groups", len(groups)).
		Int64("log", log.Stats().LiveBytes).Dur("took", c.Now().Sub(begun)).Msg("data directory is open")
	s.wal = c.Spawn(nameWAL, walactor.Spec(walactor.Config{
		Log: s.childLog(c, nameWAL), WAL: log, Metrics: s.config.Metrics,
		PlaceBytes: s.config.PlaceBytes,
	}))
	s.janitor = janitor.Spec(janitor.Config{
		Log:             s.childLog(c, nameJanitor),
		Metrics:         s.config.Metrics,
		WAL:             s.wal,
		Space:           s.space,
		CheckpointBytes: s.config.CheckpointBytes,
		Limits:          janitor.LimitsFor(s.config.ReserveBytes),
	})
	s.spawnJanitor(c)
	c.Parent().Tell(Opened{Dir: s.dir, WAL: s.wal, Janitor: c.Self(), Space: s.space, Groups: groups})
}

// open locks and checks the data directory and replays the log.
func (s *storage) open() (*wal.WAL, error) {
	dir, err := datadir.Open(s.config.FS, s.config.Dir, s.config.NodeID)
	if err != nil {
		return nil, err
	}
	log, err := wal.Open(s.config.FS, dir.Path("wal"), wal.Options{
		FileBytes:   s.config.WALFileBytes,
		Incarnation: s.config.Incarnation,
	})
	if err != nil {
		_ = dir.Close() // the error worth telling is err
		return nil, err
	}
	s.dir, s.space = dir, janitor.NewSpace(s.config.FS, dir.Path(""))
	return log, nil
}

func (s *storage) childLog(c *kit.Context, name string) zerolog.Logger {
	return c.Log().With().Str("part", name).Logger()
}

func (s *storage) spawnJanitor(c *kit.Context) {
	c.Spawn(nameJanitor, s.janitor)
	for _, group := range slices.Sorted(maps.Keys(s.groups)) {
		s.toJanitor(c, s.groups[group])
	}
}

// toJanitor passes a message on; one that must be answered is refused while there is no janitor.
func (s *storage) toJanitor(c *kit.Context, message any) { c.Self().Child(nameJanitor).Tell(message) }

func (s *storage) onRegister(c *kit.Context, m janitor.Register) {
	s.groups[m.Group] = m
	s.toJanitor(c, m)
}

func (s *storage) onUnregister(c *kit.Context, m janitor.Unregister) {
	delete(s.groups, m.Group)
	s.toJanitor(c, m)
}

func (s *storage) onChildFailed(c *kit.Context, m kit.ChildFailed) {
	if m.Who.Name() != nameJanitor {
		s.fail(c, fmt.Errorf("%s failed: %v", m.Who.Name(), m.Reason))
		return
	}
	wait, ok := s.restarts.Failed(c.Now())
	if !ok {
		s.fail(c, fmt.Errorf("%s keeps failing: %v", m.Who.Name(), m.Reason))
		return
	}
	s.wait = wait
}

// onTerminated makes the janitor anew, now that its name is free.
func (s *storage) onTerminated(c *kit.Context, m kit.Terminated) {
	if m.Who.Name() == nameJanitor && !s.failed {
		c.After(s.wait, rebuild{})
	}
}

// fail tells the parent, once.
func (s *storage) fail(c *kit.Context, err error) {
	if s.failed {
		return
	}
	s.failed = true
	c.Parent().Tell(Failed{Err: err})
}

// onStopped releases the data directory; the children are gone by now, and the log is closed.
func (s *storage) onStopped(c *kit.Context) {
	if s.dir == nil {
		return
	}
	if err := s.dir.Close(); err != nil {
		c.Log().Warn().Err(err).Msg("cannot release the data directory")
	}
}
