//go:build !unix

package sim

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
