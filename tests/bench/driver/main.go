//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// measurement finds the figures of one or more lines.
type measurement struct {
	name string
	run  func(context.Context, *bench) error
}

var measurements = []measurement{
	{"start", starts},
	{"idle", idleNode},
	{"produce", streams},
	{"consume", consuming},
	{"latency connections", latencies},
	{"group commit connections", groupCommit},
	{"allocations", allocations},
	{"held connections", heldConnections},
	{"partitions", idlePartitions},
	{"recovery", recoveries},
	{"groups settling", settling},
	{"groups commits", commits},
	{"groups memory", groupMemory},
	{"groups failover", failovers},
	{"transactions", transactions},
	{"compaction", compactions},
	{"compaction beside produce", besideCompaction},
}

// bench is what all measurements share.
type bench struct {
	sizes    sizes
	dir      string // of this run, removed at the end
	programs programs
	report   report
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("driver", flag.ContinueOnError)
	only := flags.String("only", "", "run the measurements whose name contains this")
	server := flags.String("server", "", "broker to measure, instead of building one")
	results := flags.String("dir", "tests/bench/results", "folder for binaries, data and the figures")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{sizes: full}
	if os.Getenv("BENCH_SHORT") != "" {
		b.sizes = short
	}
	var err error
	if b.programs, err = build(ctx, *results, *server); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(*results, "run-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.enoughDisk(); err != nil {
		return err
	}
	if b.sizes == full {
		if err := stats.TouchMemory(); err != nil {
			return err
		}
	}
	begun := time.Now()
	for _, m := range measurements {
		if !strings.Contains(m.name, *only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.1fs %s\n", time.Since(begun).Seconds(), m.name)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	fmt.Fprintf(os.Stderr, "%6.1fs done\n", time.Since(begun).Seconds())
	return b.report.print(os.Stdout, b.sizes.name)
}
