package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often the process is asked whether it has come to rest.
	lookEvery = 5 * time.Second
	// restBytes is what a node without work may allocate between two looks: metrics that are scraped,
	// fetches that wait.
	restBytes = 1 << 20
	// worthBytes is how much must have been allocated for a collection to be worth it.
	worthBytes = 8 << 20
)

// collectAtRest gives the garbage of a burst back to the system once the burst is over. The runtime by itself
// would keep it for two minutes and then return it little by little, and a node that has just made ten
// thousand partitions, or has had ten thousand clients, would look twice its size.
func collectAtRest(end <-chan struct{}) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var watch restWatch
	for {
		select {
		case <-end:
			return
		case <-look.C:
		}
		metrics.Read(allocated)
		if watch.look(allocated[0].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// restWatch finds the end of a burst.
type restWatch struct {
	seen      uint64 // bytes allocated since the start, at the last look
	collected uint64 // and at the last collection
}

// look tells whether to collect now.
func (w *restWatch) look(allocated uint64) bool {
	resting := allocated-w.seen < restBytes
	w.seen = allocated
	if !resting || allocated-w.collected < worthBytes {
		return false
	}
	w.collected = allocated
	return true
}
