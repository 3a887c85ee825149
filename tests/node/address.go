package node

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are taken from below the range that the kernel gives to outgoing connections. A client that dials a
// dead server's port over and over can be given that very port as its own, and then talks to itself and
// keeps the server from coming back.
const (
	lowestPort  = 12_000
	highestPort = 32_000
)

// given holds the addresses that were given out, so that a node that is down finds its own free.
var given sync.Map

// FreeAddress returns an address on loopback that nobody listens on, another one each time.
func FreeAddress() (string, error) {
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if _, twice := given.LoadOrStore(address, nil); twice {
			_ = listener.Close() // it fails only if it is closed already
			continue
		}
		return address, listener.Close()
	}
	return "", fmt.Errorf("no free port between %d and %d", lowestPort, highestPort)
}
