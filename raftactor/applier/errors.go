package applier

import (
	"errors"
	"fmt"
)

// ErrLostLeadership says that the outcome of a proposal is unknown; see group.ErrLostLeadership.
var ErrLostLeadership = errors.New("lost leadership, the outcome is unknown")

// unknownOutcome is the answer to a proposal that had entered the log when the replica was stopped.
func unknownOutcome(err error) error { return fmt.Errorf("%w: %w", ErrLostLeadership, err) }
