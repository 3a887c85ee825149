package partition

import (
	"errors"
	"fmt"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// A snapshot of a partition is a range of offsets: what a replica has is right, because it was committed, so
// only what it lacks is copied, straight from the segments of the leader to those of the replica. Meanwhile,
// and after that, the log may be ahead of the entries that come to Apply; these are recognized by their
// offsets. Commands need no such care: a log start that was raised further stays where it is.
//
// Where compaction has taken more than a range of offsets can tell, the whole log is copied anew, and takes
// the place of the old one when the checkpoint of that is durable (Machine.Checkpointed).

var _ applier.Sharer = (*Machine)(nil)

// Have implements applier.Sharer.
func (m *Machine) Have() []byte { return m.log.Have() }

// Share implements applier.Sharer.
func (m *Machine) Share(have []byte) (applier.Source, error) {
	source, err := m.log.Share(have)
	if err != nil {
		return nil, fmt.Errorf("share %s: %w", m.replica.Name(), err)
	}
	return source, nil
}

// Restore implements applier.Sharer. What has arrived is shown to readers at once: it is committed.
func (m *Machine) Restore(piece []byte, first bool) error {
	if err := m.reconfigure(); err != nil {
		return m.judge(err)
	}
	if err := m.log.Restore(piece, first); err != nil {
		return m.judge(err)
	}
	m.replica.wake()
	return nil
}

// Restored implements applier.Sharer.
func (m *Machine) Restored() ([]byte, error) {
	state, err := m.log.Restored()
	if err != nil {
		return nil, m.judge(err)
	}
	return state, nil
}

// judge returns the error of a source that cannot be used; another one may do better. After any other error
// this machine cannot go on, as after one of Apply, which the applier turns into the same panic: the replica
// is rebuilt from its last checkpoint.
func (m *Machine) judge(err error) error {
	err = fmt.Errorf("restore %s: %w", m.replica.Name(), err)
	if !errors.Is(err, partitionlog.ErrSource) {
		panic(err)
	}
	return err
}
