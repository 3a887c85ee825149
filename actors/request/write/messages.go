package write

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Verified tells the connection that what was to be proposed for a request may be, except for the refused
// tokens. It comes once for a request with unverified appends, unless Done comes first.
type Verified struct {
	Slot    uint64
	Refused []uint64
}

// again is the time to ask the coordinator once more.
type again struct{}

// Done is the answer to a produce request, told to the parent once.
type Done struct {
	Slot     uint64
	Response *kmsg.ProduceResponse
	Failed   bool // at least one partition has an error: with acks=0 the connection closes
}

// expired says that the request has waited long enough.
type expired struct{}
