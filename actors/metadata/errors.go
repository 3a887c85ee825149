package metadata

import (
	"errors"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
)

// The answers that are about the metadata log and not about the request.
var (
	errTimedOut = &protocol.Error{
		Code:    protocol.RequestTimedOut,
		Message: "The change was not confirmed in time; it may still be made.",
	}
	errLostLeadership = &protocol.Error{
		Code:    protocol.RequestTimedOut,
		Message: "The controller changed before the change was confirmed; it may still be made.",
	}
	errBusy = &protocol.Error{
		Code:    protocol.RequestTimedOut,
		Message: "Too many changes are under way; this one was not begun.",
	}
	errNotController = &protocol.Error{
		Code:    protocol.NotController,
		Message: "This broker does not lead the metadata log.",
	}
	errRegistration = &protocol.Error{Code: protocol.InvalidRegistration} // compares by code
	errRemoved      = &protocol.Error{
		Code:    protocol.BrokerIDNotRegistered,
		Message: "this node was removed from the cluster; empty its data directory to let it join again",
	}
	errNoProducerIDs = &protocol.Error{
		Code:    protocol.CoordinatorLoadInProgress,
		Message: "Producer ids are being allocated.",
	}
)

// refused turns an error of the group, or of a mailbox, into what the asker gets. Those of the controller
// are that already.
func refused(err error) error {
	var answer *protocol.Error
	switch {
	case err == nil || errors.As(err, &answer):
		return err
	case errors.Is(err, group.ErrLostLeadership): // before ErrStopped, which it may wrap: the outcome is open
		return errLostLeadership
	case notBegun(err):
		return errNotController
	case errors.Is(err, group.ErrBusy):
		return errBusy
	}
	return err
}

// notBegun tells whether a proposal certainly did not enter the log and may be tried again.
func notBegun(err error) bool {
	var notLeader group.ErrNotLeader
	if errors.Is(err, group.ErrLostLeadership) {
		return false
	}
	return errors.As(err, &notLeader) || errors.Is(err, kit.ErrStopped)
}
