package conn

import (
	"time"
)

// Settings are the bounds of a connection. The zero value of each stands for its default.
type Settings struct {
	MaxRequestBytes  int           // largest request (socket.request.max.bytes); 100 MiB
	MaxHeldBytes     int64         // requests of one connection that are not answered; 128 MiB
	MaxInFlight      int           // requests that are read ahead of their replies; 256
	MaxQueuedBytes   int64         // replies in memory past which no further request is begun; 1 MiB
	MaxIdle          time.Duration // a connection without a request closes (connections.max.idle.ms); 10 min
	MaxStall         time.Duration // a request that has begun to arrive and makes no progress; 30 s
	MaxBudgetWait    time.Duration // a half-read request waits this long for memory; 30 s
	MaxWriteStall    time.Duration // a reply that makes no progress; 30 s
	HalfCloseTimeout time.Duration // for the replies to a client that has stopped sending; 10 s
}

// withDefaults fills what was left open.
func (s Settings) withDefaults() Settings {
	fill(&s.MaxRequestBytes, 100<<20)
	fill(&s.MaxHeldBytes, 128<<20)
	fill(&s.MaxInFlight, 256)
	fill(&s.MaxQueuedBytes, 1<<20)
	fill(&s.MaxIdle, 10*time.Minute)
	fill(&s.MaxStall, 30*time.Second)
	fill(&s.MaxBudgetWait, 30*time.Second)
	fill(&s.MaxWriteStall, 30*time.Second)
	fill(&s.HalfCloseTimeout, 10*time.Second)
	s.MaxHeldBytes = max(s.MaxHeldBytes, int64(s.MaxRequestBytes)) // or the largest request would never fit
	return s
}

func fill[T ~int | ~int64](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}
