package server

import "net"

// Bound tells Config.Events at which address the server listens, or that it cannot.
type Bound struct {
	Addr net.Addr
	Err  error
}

// stopped says that the server does not serve any more.
type stopped struct{ err error }
