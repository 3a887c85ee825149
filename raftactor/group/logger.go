package group

import (
	"fmt"

	"github.com/rs/zerolog"
	"go.etcd.io/raft/v3"
)

// raftLogger lets raft write to the node's log. Raft tells of every vote, which is debug here: what is worth
// knowing of an election, the actor says itself. It adds the identity of the group to each line instead of
// keeping a logger of its own, which would be half a kilobyte per group.
type raftLogger struct {
	log   *zerolog.Logger
	group string
}

var _ raft.Logger = (*raftLogger)(nil)

func (l *raftLogger) print(e *zerolog.Event, v []any) {
	if e != nil { // nil: the level is off, and formatting would be in vain
		e.Str("group", l.group).Msg(fmt.Sprint(v...))
	}
}

func (l *raftLogger) printf(e *zerolog.Event, format string, v []any) {
	if e != nil {
		e.Str("group", l.group).Msgf(format, v...)
	}
}

func (l *raftLogger) Debug(v ...any)                   { l.print(l.log.Trace(), v) }
func (l *raftLogger) Debugf(format string, v ...any)   { l.printf(l.log.Trace(), format, v) }
func (l *raftLogger) Info(v ...any)                    { l.print(l.log.Debug(), v) }
func (l *raftLogger) Infof(format string, v ...any)    { l.printf(l.log.Debug(), format, v) }
func (l *raftLogger) Warning(v ...any)                 { l.print(l.log.Debug(), v) }
func (l *raftLogger) Warningf(format string, v ...any) { l.printf(l.log.Debug(), format, v) }
func (l *raftLogger) Error(v ...any)                   { l.print(l.log.Error(), v) }
func (l *raftLogger) Errorf(format string, v ...any)   { l.printf(l.log.Error(), format, v) }

// Fatal and Panic mean that raft found an invariant broken. Both panic: the unit is stopped and rebuilt,
// and no library ends this process.
func (l *raftLogger) Fatal(v ...any) { panic("BUG: raft: " + fmt.Sprint(v...)) }
func (l *raftLogger) Fatalf(format string, v ...any) {
	panic("BUG: raft: " + fmt.Sprintf(format, v...))
}
func (l *raftLogger) Panic(v ...any) { panic("BUG: raft: " + fmt.Sprint(v...)) }
func (l *raftLogger) Panicf(format string, v ...any) {
	panic("BUG: raft: " + fmt.Sprintf(format, v...))
}
