package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/load"
)

// syncEvery is how often the disk is looked at.
const syncEvery = 20 * time.Millisecond

// disk is how long the disk that the nodes write to takes to sync a few bytes, whatever the nodes do. Where it is
// shared with other machines it stands still now and then, for a second even, and producers wait with it.
type disk struct {
	load *load.Load

	mu    sync.Mutex
	syncs []synced
}

type synced struct{ due, took time.Duration }

// watchDisk looks at the disk until the test ends. As with the records of a load, what is due while it stands
// still counts from then.
func watchDisk(t *testing.T, l *load.Load) *disk {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "sync"))
	if err != nil {
		t.Fatal(err)
	}
	d, done := &disk{load: l}, make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for due := l.Now(); ; due += syncEvery {
			select {
			case <-time.After(due - l.Now()):
			case <-done:
				return
			}
			_, err := file.WriteAt([]byte("synced"), 0)
			if err == nil {
				err = file.Sync()
			}
			if err != nil {
				t.Error(err)
				return
			}
			d.mu.Lock()
			d.syncs = append(d.syncs, synced{due, l.Now() - due})
			d.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		close(done)
		running.Wait()
		_ = file.Close() // of no use any more
	})
	return d
}

// p99 is the 99th percentile of a window.
func (d *disk) p99(w load.Window) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var took []time.Duration
	for _, s := range d.syncs {
		if w.From <= s.due && s.due < w.To {
			took = append(took, s.took)
		}
	}
	slices.Sort(took)
	return load.Percentile(took, 99)
}
