package write

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Done is the answer to a produce request, told to the parent once.
type Done struct {
	Slot     uint64
	Response *kmsg.ProduceResponse
	Failed   bool // at least one partition has an error: with acks=0 the connection closes
}

// expired says that the request has waited long enough.
type expired struct{}
