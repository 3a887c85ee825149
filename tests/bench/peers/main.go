//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// bench is one run of the driver.
type bench struct {
	dir      string
	programs programs
	kafka    kafkaFiles

	systems  []string // that take part
	rounds   int
	duration time.Duration // of one run
	readMiB  int
	warm     time.Duration
	profile  bool
	short    bool

	topics  int                // made so far
	peaks   map[string]float64 // records per second that a system reached
	reading map[string]string  // the topic that consumers read, by system
	rows    []row

	failures []failure
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	b := &bench{peaks: map[string]float64{}, reading: map[string]string{}}
	var wanted, systems, server, folder string
	flags := flag.NewFlagSet("bench-peers", flag.ContinueOnError)
	flags.StringVar(&wanted, "scenarios", "", "scenarios, with commas between; all if empty; list prints them")
	flags.StringVar(&systems, "systems", "chronik,kafka,kafka-flush,nats,nats-always,floor", "who takes part")
	flags.IntVar(&b.rounds, "rounds", 5, "alternating runs of each scenario")
	flags.DurationVar(&b.duration, "for", 3*time.Second, "length of one run; at a fixed rate four times as long")
	flags.IntVar(&b.readMiB, "mib", 1024, "MiB that consumers read")
	flags.DurationVar(&b.warm, "warm", 5*time.Second, "load on each system before the first that is measured")
	flags.BoolVar(&b.profile, "pprof", false, "let Chronik serve profiles and print where")
	flags.BoolVar(&b.short, "short", false, "one node beside the floor; fails on gross regressions")
	flags.StringVar(&server, "server", "", "take this chronik-server and do not build one")
	flags.StringVar(&folder, "dir", "tests/bench/results", "folder on the disk to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if wanted == "list" {
		list(os.Stdout)
		return nil
	}
	if b.short {
		wanted, systems = "produce-1k,consume,serial", "chronik,floor"
		b.rounds, b.duration, b.readMiB, b.warm = 3, 3*time.Second, 256, 2*time.Second
	}
	b.systems = strings.Split(systems, ",")
	chosen, err := choose(wanted)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(folder, "peers-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.prepare(ctx, server); err != nil {
		return err
	}
	if !b.short {
		if err := stats.TouchMemory(); err != nil {
			return err
		}
	}
	for _, nodes := range []int{1, 3} {
		if err := b.bed(ctx, nodes, chosen); err != nil {
			return err
		}
	}
	return b.conclude()
}

// list prints what there is.
func list(w *os.File) {
	for i := range scenarios {
		fmt.Fprintf(w, "%-20s nodes: %d  %s\n", scenarios[i].name, scenarios[i].nodes, scenarios[i].about)
	}
}

// choose returns the scenarios of these names, in the order in which they run.
func choose(names string) ([]*scenario, error) {
	var chosen []*scenario
	wanted := map[string]bool{}
	for _, name := range strings.Split(names, ",") {
		wanted[name] = name != ""
	}
	for i := range scenarios {
		if names == "" || wanted[scenarios[i].name] {
			chosen = append(chosen, &scenarios[i])
			delete(wanted, scenarios[i].name)
		}
	}
	for name, left := range wanted {
		if left {
			return nil, fmt.Errorf("there is no scenario %s; -scenarios list prints them", name)
		}
	}
	return chosen, nil
}

// conclude prints everything, and fails when the short form saw a regression.
func (b *bench) conclude() error {
	printTable(os.Stdout, b.rows, b.systems)
	printFailures(os.Stdout, b.failures)
	machine, err := describeMachine()
	if err != nil {
		return err
	}
	r := result{
		Machine: machine, Versions: b.versions(), Rounds: b.rounds, Seconds: b.duration.Seconds(), Rows: b.rows,
		Failures: b.failures,
	}
	fmt.Println()
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	if worse := regressions(b.rows); b.short && len(worse) > 0 {
		slices.Sort(worse)
		return errors.New("gross regressions:\n  " + strings.Join(worse, "\n  "))
	}
	return nil
}
