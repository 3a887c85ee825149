package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/tests/cluster/drive"
	"github.com/chronik-go/chronik/tests/cluster/lab"
	"github.com/chronik-go/chronik/tests/cluster/load"
)

// hungTopic is led by the node whose disk hangs.
const hungTopic = "hung"

// driveBytes is room for all that the test writes.
const driveBytes = 512 << 20

// TestDiskHangs keeps the disk of one node from answering. Who writes to a partition that it leads is told in time,
// and the partitions that others lead, of which it has copies, go on as if nothing was.
func TestDiskHangs(t *testing.T) {
	var folders []string
	var disks []*drive.Drive
	for range 3 {
		folder := t.TempDir()
		disk, err := drive.New(t.TempDir(), folder, driveBytes)
		if err != nil {
			t.Skipf("no disks of their own: %v (it takes root, loop devices and mkfs.ext4)", err)
		}
		t.Cleanup(func() {
			if err := disk.Close(); err != nil {
				t.Error(err)
			}
		})
		folders, disks = append(folders, folder), append(disks, disk)
	}
	c := newCluster(t, lab.Options{
		Folders: folders, Warnings: []string{linkLost, controllerLost, heldUp},
		Env: []string{"CHRONIK_STORAGE_WAL_FILE_BYTES=4MiB", "CHRONIK_STORAGE_CHECKPOINT_BYTES=16MiB"},
	})
	c.StartAll()
	node := followerOf(c, loadPartitions)
	disk := disks[node.ID-1]
	t.Cleanup(func() { _ = disk.GoOn() }) // before the processes are ended, which hang with it
	c.CreateAssigned(hungTopic, [][]int32{{node.ID, node.ID%3 + 1, (node.ID+1)%3 + 1}})
	awaitFollower(t, c, node)
	c.AwaitInSync(lab.Patience, hungTopic)
	client := c.Client(node, kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.ProduceRequestTimeout(time.Second),
		kgo.DefaultProduceTopic(hungTopic))
	produce := func() error { return client.ProduceSync(t.Context(), kgo.StringRecord("one")).FirstErr() }
	if err := produce(); err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, options(c, loadPartitions, loadRate, loadBytes))
	lab.Pass(t.Context(), lead)
	stretch := form(5*time.Second, time.Minute)
	well := []load.Window{watch(t, l, stretch)}

	if err := disk.Hang(); err != nil {
		t.Fatal(err)
	}
	hangs, from := time.Now(), l.Now()
	err := produce()
	took := time.Since(hangs)
	lab.Pass(t.Context(), stretch-(l.Now()-from))
	hung, goesOn := load.Window{From: from, To: l.Now()}, time.Now()
	if err := disk.GoOn(); err != nil {
		t.Fatal(err)
	}
	c.Until(lab.Patience, "the partition takes records again", func(context.Context) error { return produce() })
	c.AwaitInSync(lab.Patience, topic, hungTopic)
	well = append(well, watch(t, l, stretch))

	before, during := l.Summarize(well...), l.Summarize(hung)
	t.Logf("without: %s; with: %s", before, during)
	// Whoever waited for the disk would wait for seconds.
	most := max(time.Duration(factor(1.2)*float64(before.P99)), limit(200*time.Millisecond))
	row(t, "disk of another node hangs for "+stretch.String()+": produce p99", "≤ "+show(most), during.P99 <= most,
		"%s (%s without)", show(during.P99), show(before.P99))
	lost := finish(t, c, l)
	row(t, "disk hangs: acknowledged records lost, repeated or out of order", "0", lost == nil, "%s", outcome(lost, l))
	// The client says so of a record that it must not send again, whatever the answer was.
	answered := err == nil || errors.Is(err, kerr.RequestTimedOut) || errors.Is(err, kgo.ErrRecordRetries)
	row(t, "leader whose disk hangs: answers a write that may take a second", atMost(2*time.Second),
		answered && took <= limit(2*time.Second), "%s (%v)", show(took), err)
	lines := 0
	for _, entry := range node.Entries() {
		meanwhile := entry.At.After(hangs) && entry.At.Before(goesOn)
		if meanwhile && strings.HasPrefix(entry.Message, "write-ahead log waits for the disk") {
			lines++
		}
	}
	row(t, "disk hangs: lines in the log that say so", "1", lines == 1, "%d", lines)
}
