//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// sizes say how much is measured.
type sizes struct {
	name        string
	rounds      int // of alternating runs
	streamMiB   int // of one produce or consume run
	consumes    int // rounds of consuming: many short ones tell more than a few long ones
	passes      int // of one such run over what was produced
	warmMiB     int // before the first
	small       time.Duration
	starts      int
	connections int
	partitions  int
	settle      time.Duration // until an idle node is looked at, and how long its CPU is measured
	recovery    [2]int        // MiB of data
	tail        int           // MiB between the last checkpoint and a crash
	crashes     int
	groups      int // without members
	members     int
	failovers   int
	compactions int
	// compactedMiB is the size of a log before its compaction.
	compactedMiB int
	diskMiB      int64
}

var full = sizes{
	name: "full", rounds: 7, streamMiB: 512, consumes: 15, passes: 2, warmMiB: 768,
	small: 2 * time.Second, starts: 9,
	connections: 10_000, partitions: 10_000, settle: 10 * time.Second,
	recovery: [2]int{1 << 10, 8 << 10}, tail: 160, crashes: 5,
	groups: 10_000, members: 1000, failovers: 5, compactions: 5, compactedMiB: 512, diskMiB: 12 << 10,
}

// short shows that everything works; its figures are coarse, and those that need size say little.
var short = sizes{
	name: "short", rounds: 2, streamMiB: 128, consumes: 3, passes: 1, warmMiB: 64,
	small: 500 * time.Millisecond, starts: 3,
	connections: 1000, partitions: 1000, settle: 2 * time.Second,
	recovery: [2]int{64, 512}, tail: 32, crashes: 1,
	groups: 1000, members: 200, failovers: 2, compactions: 1, compactedMiB: 64, diskMiB: 2 << 10,
}

// enoughDisk refuses a folder that would fill up, or that is memory and would make an fsync cost nothing.
func (b *bench) enoughDisk() error {
	var stat unix.Statfs_t
	if err := unix.Statfs(b.dir, &stat); err != nil {
		return fmt.Errorf("free space of %s: %w", b.dir, err)
	}
	if stat.Type == unix.TMPFS_MAGIC {
		return fmt.Errorf("%s lies in memory; choose a folder on a disk with -dir", b.dir)
	}
	if free := int64(stat.Bavail) * stat.Bsize >> 20; free < b.sizes.diskMiB {
		return fmt.Errorf("%s has %d MiB of room, %d are needed", b.dir, free, b.sizes.diskMiB)
	}
	return nil
}
