//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// patience bounds every wait for a broker.
	patience = 2 * time.Minute
	// lookEvery is how often a broker that starts is looked at: a two-hundredth of what a start may take.
	lookEvery = time.Millisecond
)

// node is a broker in a process of its own.
type node struct {
	command *exec.Cmd
	dir     string
	addr    string
	http    string
	log     string // its output
	begun   time.Time
	took    time.Duration // from the start of the process to the first request that it served
}

// startNode starts a broker on a data directory, or on a new one, and waits until it serves. Settings are
// those of the environment.
func (b *bench) startNode(ctx context.Context, dir string, settings ...string) (*node, error) {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp(b.dir, "node-"); err != nil {
			return nil, err
		}
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	n, err := b.launch(dir, addr, settings...)
	if err != nil {
		return nil, err
	}
	return n, b.serving(ctx, n)
}

// launch starts a broker and does not wait for it.
func (b *bench) launch(dir, addr string, settings ...string) (*node, error) {
	n := &node{dir: dir, addr: addr, log: filepath.Join(b.dir, filepath.Base(dir)+".log")}
	var err error
	if n.http, err = freePort(); err != nil {
		return nil, err
	}
	output, err := os.Create(n.log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	n.command = exec.Command(b.programs.server, "start", "--data-dir", dir, "--bind", n.addr)
	n.command.Env = append(append(os.Environ(), "CHRONIK_BIND_METRICS="+n.http), settings...)
	n.command.Stdout, n.command.Stderr = output, output
	n.begun = time.Now()
	return n, n.command.Start()
}

// serving waits until a broker serves. One that does not is killed.
func (b *bench) serving(ctx context.Context, n *node) error {
	if err := n.await(ctx); err != nil {
		n.kill()
		text, _ := os.ReadFile(n.log) // for the person who reads the error
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(text))
	}
	n.took = time.Since(n.begun)
	return nil
}

// freePort returns an address that was free a moment ago.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// await returns when the broker has answered a metadata request.
func (n *node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		socket, err := net.Dial("tcp", n.addr)
		if err == nil {
			defer socket.Close()
			return firstRequest(ctx, socket)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("the broker does not listen: %w", err)
		}
	}
}

func firstRequest(ctx context.Context, socket net.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := socket.SetDeadline(deadline); err != nil {
			return err
		}
	}
	r := kmsg.NewPtrMetadataRequest()
	r.Version = 4
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, r, 1)
	if _, err := socket.Write(frame); err != nil {
		return fmt.Errorf("first request: %w", err)
	}
	if _, err := socket.Read(make([]byte, 4096)); err != nil {
		return fmt.Errorf("first request: %w", err)
	}
	return nil
}

func (n *node) pid() int { return n.command.Process.Pid }

// kill ends the process as a crash would.
func (n *node) kill() {
	_ = n.command.Process.Kill() // it may have ended by itself
	_ = n.command.Wait()         // with the signal as its error
}

// stop ends the process in order.
func (n *node) stop() error {
	if err := n.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return n.command.Wait()
}

// remove kills the broker and frees its disk.
func (n *node) remove() error {
	n.kill()
	return os.RemoveAll(n.dir)
}

// admin runs a request against a broker or the floor.
func admin[R kmsg.Response](ctx context.Context, addr string, request kmsg.Request) (R, error) {
	var none R
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return none, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := client.Request(ctx, request)
	if err != nil {
		return none, err
	}
	return response.(R), nil
}

// createTopic makes a topic and returns when all its partitions are led.
func createTopic(ctx context.Context, addr, name string, partitions int) error {
	r := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(partitions), 1
	r.Topics, r.TimeoutMillis = append(r.Topics, topic), int32(patience/time.Millisecond)
	created, err := admin[*kmsg.CreateTopicsResponse](ctx, addr, r)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	if code := created.Topics[0].ErrorCode; code != 0 {
		return fmt.Errorf("create %s: error code %d", name, code)
	}
	return awaitLeaders(ctx, addr, name, partitions)
}

// awaitLeaders looks until each partition of a topic has a leader.
func awaitLeaders(ctx context.Context, addr, name string, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(20 * lookEvery)
	defer look.Stop()
	for {
		r := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		r.Topics = append(r.Topics, topic)
		known, err := admin[*kmsg.MetadataResponse](ctx, addr, r)
		if err != nil {
			return fmt.Errorf("leaders of %s: %w", name, err)
		}
		led := 0
		for _, p := range known.Topics[0].Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				led++
			}
		}
		if led == partitions {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d partitions of %s have a leader: %w", led, partitions, name, ctx.Err())
		}
	}
}

func deleteTopic(ctx context.Context, addr, name string) error {
	r := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	r.Topics, r.TimeoutMillis = append(r.Topics, topic), int32(patience/time.Millisecond)
	r.TopicNames = []string{name}
	deleted, err := admin[*kmsg.DeleteTopicsResponse](ctx, addr, r)
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	if code := deleted.Topics[0].ErrorCode; code != 0 {
		return fmt.Errorf("delete %s: error code %d", name, code)
	}
	return nil
}
