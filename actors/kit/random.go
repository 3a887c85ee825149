package kit

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// Random is where nodes take random numbers from that need no seed of their own: the system's source,
// which testing/cryptotest can replace. The global functions of math/rand/v2 are faster and cannot be
// replaced, so a simulation of a cluster would never run the same way twice. Any goroutine may use it.
var Random = rand.New(systemSource{})

// systemSource is a rand.Source without a state.
type systemSource struct{}

// Uint64 implements rand.Source.
func (systemSource) Uint64() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // documented never to fail
	return binary.LittleEndian.Uint64(b[:])
}
