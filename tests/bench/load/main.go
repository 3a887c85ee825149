//go:build linux

package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chronik-go/chronik/tests/bench"
)

// task is what the command line asks for.
type task struct {
	broker, topic string
	partitions    int
	mib, record   int
	passes        int
	connections   int
	duration      time.Duration

	acks, compression string
	spread            bool
	rate              float64
	groups            int
}

var commands = map[string]func(task) (any, error){
	"produce":  produce,
	"consume":  consume,
	"small":    small,
	"commit":   commit,
	"transact": transact,
	"poll":     poll,
	"hold":     hold,
	"flood":    flood,
	"pace":     pace,
	"groups":   groups,
	"tail":     tail,
	"first":    first,
	"probe":    probe,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		return fmt.Errorf("want one of %s", strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	}
	var t task
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&t.broker, "broker", "", "address of the broker, or of several with commas between")
	flags.StringVar(&t.topic, "topic", "", "topic")
	flags.IntVar(&t.partitions, "partitions", 1, "partitions of the topic")
	flags.IntVar(&t.mib, "mib", 1, "MiB of record values")
	flags.IntVar(&t.passes, "passes", 1, "times that as much is consumed")
	flags.IntVar(&t.record, "record", 1024, "bytes of a record value")
	flags.IntVar(&t.connections, "connections", 1, "connections")
	flags.DurationVar(&t.duration, "for", time.Second, "how long")
	flags.StringVar(&t.acks, "acks", "all", "all or 1")
	flags.StringVar(&t.compression, "compression", "none", "none or lz4")
	flags.BoolVar(&t.spread, "spread", false, "give each record to the next partition, not each batch")
	flags.Float64Var(&t.rate, "rate", 1000, "records per second")
	flags.IntVar(&t.groups, "groups", 1, "consumer groups")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	result, err := commands[args[0]](t)
	if err != nil || result == nil {
		return err
	}
	return bench.Say(result)
}
