package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/chronik-go/chronik/tests/node"
)

// Node is a place for one server: its addresses, its data, and its process while there is one.
type Node struct {
	ID                int32
	Kafka, Raft, HTTP string // addresses
	Data              string

	cluster *Cluster
	config  string
	process *node.Process // the last one that was started
	frozen  bool

	mu      sync.Mutex
	entries []Entry // of all its processes
}

// Launch starts the node and does not wait until it serves. It returns when that was.
func (n *Node) Launch() time.Time {
	n.cluster.t.Helper()
	options := node.Options{
		Binary: n.cluster.options.Binary, Config: n.config, Address: n.Kafka, HTTP: n.HTTP,
		Env: n.cluster.options.Env, OnLog: n.keep,
	}
	if network := n.cluster.options.Network; network != nil {
		options.Start = func(command *exec.Cmd) error { return network.Start(n.ID, command) }
	}
	begun := time.Now()
	process, err := node.Launch(options)
	if err != nil {
		n.cluster.t.Fatalf("node %d: %v", n.ID, err)
	}
	n.process, n.frozen = process, false
	return begun
}

// AwaitReady returns when the node serves.
func (n *Node) AwaitReady() {
	n.cluster.t.Helper()
	ctx, cancel := context.WithTimeout(n.cluster.t.Context(), Patience)
	defer cancel()
	if err := n.process.Await(ctx); err != nil {
		n.cluster.t.Fatalf("node %d: %v", n.ID, err)
	}
}

// Start starts the node and returns when it serves.
func (n *Node) Start() {
	n.cluster.t.Helper()
	n.Launch()
	n.AwaitReady()
}

// Running tells whether the process lives and is not frozen.
func (n *Node) Running() bool {
	if n.process == nil || n.frozen {
		return false
	}
	select {
	case <-n.process.Exited():
		return false
	default:
		return true
	}
}

// Kill ends the process with SIGKILL.
func (n *Node) Kill() { n.process.Kill() }

// Stop ends the process with SIGTERM, and fails the test if it does not stop in order.
func (n *Node) Stop() {
	n.cluster.t.Helper()
	if err := n.process.Stop(Patience); err != nil {
		n.cluster.t.Fatalf("stop node %d: %v", n.ID, err)
	}
}

// AwaitEnd returns when the process has ended by itself.
func (n *Node) AwaitEnd() {
	n.cluster.t.Helper()
	n.cluster.Until(Patience, fmt.Sprintf("the end of node %d", n.ID), func(context.Context) error {
		if n.Running() {
			return errors.New("it runs")
		}
		return nil
	})
}

// Freeze stops the process in its tracks: its sockets stay open and take what their buffers hold.
func (n *Node) Freeze() {
	n.cluster.t.Helper()
	n.signal(syscall.SIGSTOP)
	n.frozen = true
}

// Thaw lets a frozen process go on.
func (n *Node) Thaw() {
	n.cluster.t.Helper()
	n.signal(syscall.SIGCONT)
	n.frozen = false
}

func (n *Node) signal(signal os.Signal) {
	n.cluster.t.Helper()
	if err := n.process.Signal(signal); err != nil {
		n.cluster.t.Fatalf("node %d: send %s: %v", n.ID, signal, err)
	}
}

// PID is the id of the process.
func (n *Node) PID() int { return n.process.PID() }

// Wipe removes the data of a node that does not run.
func (n *Node) Wipe() {
	n.cluster.t.Helper()
	if n.Running() {
		n.cluster.t.Fatalf("node %d runs; its data cannot be removed", n.ID)
	}
	if err := os.RemoveAll(n.Data); err != nil {
		n.cluster.t.Fatal(err)
	}
}

// Segments are the log files of a partition on this node, in the order of their offsets.
func (n *Node) Segments(partition string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(n.Data, "topics", partition, "*.log"))
	slices.Sort(files) // the names are offsets with leading zeros
	return files, err
}

// Command runs a subcommand of the server's binary with the configuration of this node, where the node runs.
func (n *Node) Command(arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(n.cluster.t.Context(), Patience)
	defer cancel()
	command := exec.CommandContext(ctx, n.cluster.options.Binary, append(arguments, "--config", n.config)...)
	output, err := command.CombinedOutput()
	return string(output), err
}
