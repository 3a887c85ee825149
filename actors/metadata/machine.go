package metadata

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/vfs"
)

// Machine is the state machine of the metadata log. It belongs to the applier's turn.
type Machine struct {
	config MachineConfig
	image  *image.Image
	index  uint64 // of the last command in the image

	incoming *incoming // image on its way from another replica, nil for none
}

var _ applier.Machine = (*Machine)(nil)

// MachineConfig is what a Machine works with.
type MachineConfig struct {
	FS      vfs.FS
	Dir     string // of the snapshots
	Planner *controller.Planner
	Current *Current    // where images are published
	Owner   kit.Address // told of every change; may be zero
	Log     zerolog.Logger
}

// OpenMachine opens the machine at a checkpoint, nil for a new one. Whether this process has had it open
// before makes no difference, since snapshot files never change.
func OpenMachine(config MachineConfig, state []byte) (*Machine, error) {
	m := &Machine{config: config, image: image.New()}
	if state == nil {
		return m, nil
	}
	c, err := decodeCheckpoint(state)
	if err != nil {
		return nil, err
	}
	if m.image, err = m.snapshots().read(c); err != nil {
		return nil, err
	}
	m.index = c.index
	m.publish(nil)
	return m, nil
}

func (m *Machine) snapshots() snapshots { return snapshots{fs: m.config.FS, dir: m.config.Dir} }

// Apply implements applier.Machine. The result of a command is its image.Event. An entry that this version
// does not understand is an error: a node that skipped it would part from the others.
func (m *Machine) Apply(entries []applier.Entry) ([]any, error) {
	results := make([]any, len(entries))
	events := make([]image.Event, 0, len(entries))
	for i, entry := range entries {
		if entry.Index <= m.index {
			continue // the image came from another replica with this change in it
		}
		command, err := metadatapb.DecodeCommand(entry.Data)
		if err != nil {
			return nil, fmt.Errorf("apply metadata entry %d: %w", entry.Index, err)
		}
		next, event := m.image.Apply(command)
		m.image, m.index = next, entry.Index
		results[i], events = event, append(events, event)
	}
	if len(events) > 0 {
		m.publish(events)
	}
	return results, nil
}

// publish makes the image the newest of this node and tells the owner. The owner hears of it before those
// who proposed the changes do, since both messages come from this turn.
func (m *Machine) publish(events []image.Event) {
	m.config.Current.publish(m.image)
	m.config.Owner.Tell(applied{image: m.image, events: events})
}

// Lead implements applier.Machine.
func (m *Machine) Lead(uint64) applier.Preparer {
	return &Preparer{planner: m.config.Planner, tail: m.image}
}

// Capture implements applier.Machine. The image never changes, so holding it is all there is to do now.
func (m *Machine) Capture() (func() ([]byte, error), error) {
	captured, index, files := m.image, m.index, m.snapshots()
	return func() ([]byte, error) {
		c, err := files.write(index, captured)
		if err != nil {
			return nil, err
		}
		return c.encode(), nil
	}, nil
}

// Checkpointed implements applier.Machine: older snapshots are not needed any more. A file that stays
// behind costs room and nothing else, and goes with the next checkpoint.
func (m *Machine) Checkpointed(state []byte) {
	c, err := decodeCheckpoint(state)
	if err == nil {
		err = m.snapshots().removeBefore(c)
	}
	if err != nil {
		m.config.Log.Warn().Err(err).Msg("old metadata snapshots stay")
	}
}

// Close implements applier.Machine. The machine has no open files.
func (m *Machine) Close() {}
