package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// task is what the command line asks for. Flags of the other load program that mean nothing here are taken.
type task struct {
	broker, topic    string
	record, replicas int
	rate             float64
	duration         time.Duration
}

var commands = map[string]func(task) (any, error){
	"create": create, "delete": remove, "flood": flood, "small": small, "pace": pace, "first": first,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchnats:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		return fmt.Errorf("want one of %s", strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	}
	var t task
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&t.broker, "broker", "", "addresses of servers")
	flags.StringVar(&t.topic, "topic", "", "name of the stream and its subject")
	flags.IntVar(&t.record, "record", 1024, "bytes of a record")
	flags.IntVar(&t.replicas, "replicas", 1, "replicas of the stream")
	flags.Float64Var(&t.rate, "rate", 1000, "records per second")
	flags.DurationVar(&t.duration, "for", time.Second, "how long")
	for _, ignored := range []string{"acks", "compression", "partitions", "connections"} {
		flags.String(ignored, "", "not used")
	}
	flags.Bool("spread", false, "not used")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	result, err := commands[args[0]](t)
	if err != nil || result == nil {
		return err
	}
	return say(result)
}

func say(result any) error { return json.NewEncoder(os.Stdout).Encode(result) }

// connect opens a connection and a JetStream context with so many publishes under way at most.
func (t task) connect(pending int) (*nats.Conn, nats.JetStreamContext, error) {
	conn, err := nats.Connect("nats://" + strings.ReplaceAll(t.broker, ",", ",nats://"))
	if err != nil {
		return nil, nil, err
	}
	stream, err := conn.JetStream(nats.PublishAsyncMaxPending(pending))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, stream, nil
}

func create(t task) (any, error) {
	conn, js, err := t.connect(1)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_, err = js.AddStream(&nats.StreamConfig{
		Name: t.topic, Subjects: []string{t.topic}, Storage: nats.FileStorage, Replicas: t.replicas,
	})
	return nil, err
}

func remove(t task) (any, error) {
	conn, js, err := t.connect(1)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return nil, js.DeleteStream(t.topic)
}
