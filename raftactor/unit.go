package raftactor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/wal"
	"github.com/chronik-go/chronik/storage/walactor"
)

// State is what the host does with a unit.
//
//	state     means                                      left by
//	running   core and applier work                      failure → failed; Stop → stopping
//	failed    a panic; the actors are being stopped      they are gone → waiting or given up; Stop → stopping
//	waiting   back-off before it is built again          time → running; Stop → removing, or gone
//	given up  offline                                    Stop → removing, or gone
//	stopping  the actors are being stopped               they are gone → removing, or gone
//	removing  the tombstone is being written             written → gone
type State uint8

// States of a unit.
const (
	Running State = iota
	Failed
	Waiting
	GivenUp
	Stopping
	Removing
)

var stateNames = [...]string{"running", "failed", "waiting", "offline", "stopping", "removing"}

func (s State) String() string { return stateNames[s] }

// unit is a core with its applier, over all its incarnations.
type unit struct {
	spec        Spec
	address     kit.Address
	incarnation uint32
	state       State
	gone        bool // the actors of this incarnation are terminated
	awake       bool
	tickPlace   int           // in the list of those who are awake
	cause       error         // of the last failure
	restarts    *kit.Restarts // nil until the first failure
	stops       []Stop        // to be answered when it is gone
	status      *group.Status
	wanted      *atomic.Pointer[group.Want]
}

// How a failed unit is rebuilt. The first wait is short, since most of what waits for a leader is patient
// for less than a second.
const (
	restartLimit  = 5
	restartWithin = 30 * time.Second
	restartMin    = 50 * time.Millisecond
	restartMax    = 5 * time.Second
)

// repair decides about a unit that failed: when to build it again, or false to give it up.
//
// A full disk is no fault of the unit, and heals when checkpoints, retention or an operator make room. So
// the unit tries again without end, at a pace that costs nothing.
func (u *unit) repair(now time.Time) (wait time.Duration, again bool) {
	switch {
	case isFinal(u.cause):
		return 0, false
	case errors.Is(u.cause, wal.ErrNoSpace), errors.Is(u.cause, syscall.ENOSPC):
		return restartMax, true
	}
	if u.restarts == nil {
		u.restarts = &kit.Restarts{Limit: restartLimit, Within: restartWithin, Min: restartMin, Max: restartMax}
	}
	return u.restarts.Failed(now)
}

// remove reports whether anybody wants the group forgotten.
func (u *unit) remove() bool {
	for _, s := range u.stops {
		if s.Remove {
			return true
		}
	}
	return false
}

// asError returns the reason of a panic as an error.
func asError(reason any) error {
	if err, ok := reason.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", reason)
}

// isFinal reports whether building the unit again cannot help: its state is contradictory, or the
// write-ahead log is gone and with it, soon, the node.
func isFinal(err error) bool {
	var contradiction *group.StateError
	return errors.As(err, &contradiction) || errors.Is(err, walactor.ErrFailed) || errors.Is(err, kit.ErrStopped)
}
