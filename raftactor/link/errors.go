package link

import "errors"

var (
	// ErrDown says that the link is down and nothing was sent: ask again when it is up.
	ErrDown = errors.New("link to the node is down")
	// ErrLost says that the link went down after the call was given to it: it is open whether the node
	// has done what it was asked.
	ErrLost = errors.New("link to the node went down during the call")
	// ErrTimeout says that no answer came in time: it is open whether the node has done what it was asked.
	ErrTimeout = errors.New("node has not answered in time")
	// ErrBusy says that too much is under way already and nothing was sent: ask again later.
	ErrBusy = errors.New("too much is under way to the node")

	// errSilent ends the session of a peer whose end nobody has seen: it may be frozen or cut off.
	errSilent = errors.New("peer is silent")
)

// RemoteError is what the other node answered to a call or to a request for data instead of a result.
type RemoteError struct{ Text string }

// Error implements error.
func (e RemoteError) Error() string { return e.Text }
