package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/lab"
)

func TestAtRestWith300Partitions(t *testing.T) { atRest(t, 300, 0.5, 0) }

func TestAtRestWith3000Partitions(t *testing.T) { atRest(t, 3000, 1, 250<<20) }

// settling is the time after the last change in which the nodes may finish what it caused.
const settling = 5 * time.Second

// atRest watches a cluster that nobody uses.
func atRest(t *testing.T, partitions int32, percent float64, memory int64) {
	if testing.Short() && !full {
		percent *= 2 // the processor may be a slow one, and its caches those of other programs
	}
	c := newCluster(t, lab.Options{})
	c.StartAll()
	begun := time.Now()
	// Ten topics: one with thousands of partitions would test the answer about it, too.
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("quiet-%d", i))
		c.Create(names[i], partitions/10, 3)
	}
	c.AwaitInSync(2*time.Minute, names...)
	t.Logf("%d partitions were made and in sync within %s", partitions, show(time.Since(begun)))
	before := c.AwaitPreferred(2*time.Minute, names...) // leadership is handed to them, which is an election
	t.Logf("all were led by their preferred replicas within %s", show(time.Since(begun)))
	lab.Pass(t.Context(), settling)
	quorum := c.AwaitQuorum()

	stretch := form(10*time.Second, 10*time.Minute)
	used := make(map[int32]time.Duration)
	from := time.Now()
	for _, n := range c.Members() {
		used[n.ID] = n.CPU()
	}
	lab.Pass(t.Context(), stretch)
	worst, resident := 0.0, int64(0)
	for _, n := range c.Members() {
		worst = max(worst, 100*(n.CPU()-used[n.ID]).Seconds()/time.Since(from).Seconds())
		resident = max(resident, n.RSS())
	}

	elections := restless(c, before, names, quorum)
	what := fmt.Sprintf("%s at rest with %d partitions of 3 replicas", stretch, partitions)
	row(t, what+": elections", "0", elections == 0, "%d", elections)
	row(t, what+": processor of the busiest node", fmt.Sprintf("≤ %g %% of a core", percent),
		worst <= percent, "%.2f %%", worst)
	if partitions > 1000 {
		leadersOf(t, c, names)
	}
	if memory > 0 {
		row(t, what+": memory of the largest node", fmt.Sprintf("≤ %d MiB", memory>>20), resident <= memory, "%d MiB", resident>>20)
	}
}

// leadersOf kills a node that leads a third of all partitions: as many groups at rest wake up and elect.
func leadersOf(t *testing.T, c *lab.Cluster, names []string) {
	t.Helper()
	c.CheckLogs() // what follows may be warned of, what was may not
	c.Expect(linkLost, controllerLost)
	killed := time.Now()
	c.Node(2).Kill()
	count := 0
	c.Until(lab.Patience, "leaders for all partitions", func(ctx context.Context) error {
		view, err := c.Node(1).View(ctx, names...)
		if err != nil {
			return err
		}
		count = 0
		for _, name := range names {
			if err := ledByRunning(c, view[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			count += len(view[name])
		}
		return nil
	})
	took := time.Since(killed)
	row(t, fmt.Sprintf("one of three nodes with %d partitions killed: leaders for all of them", count),
		atMost(1500*time.Millisecond), took <= limit(1500*time.Millisecond), "after %s", show(took))
}

// restless counts the elections since a view was taken.
func restless(c *lab.Cluster, before lab.View, names []string, quorum lab.Quorum) int {
	elections := int(c.AwaitQuorum().Epoch - quorum.Epoch)
	after := c.AwaitInSync(lab.Patience, names...)
	for _, name := range names {
		for p := range before[name] {
			elections += int(after[name][p].Epoch - before[name][p].Epoch)
		}
	}
	return elections
}
