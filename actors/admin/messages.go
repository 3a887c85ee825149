package admin

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Opened says that HTTP is served.
type Opened struct{ Addr net.Addr }

// Failed says that HTTP is not served any more, or never was, and that admin has given up. The node can do
// without; at the start it is better refused.
type Failed struct{ Err error }

// served says that the server goroutine of one opening has ended.
type served struct {
	opening int
	err     error
}

// reopen is due after a back-off.
type reopen struct{}

// listenError says what can be done about an address that cannot be listened on.
func listenError(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("HTTP listener: %s is taken by another process; "+
			"set bind.metrics to a free address, or to off: %w", address, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("HTTP listener: %s needs privileges; "+
			"set bind.metrics to a port above 1023: %w", address, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("HTTP listener: %s is no address of this machine; set bind.metrics: %w", address, err)
	}
	return fmt.Errorf("HTTP listener on %s: %w", address, err)
}
