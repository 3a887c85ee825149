package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
)

// clusterCommand talks to the HTTP listener of the node whose configuration it is given.
type clusterCommand struct {
	Config *string `short:"c" name:"config" placeholder:"FILE" help:"Configuration of the node to ask; any node of the cluster does ($CHRONIK_CONFIG)."`

	Status     statusCommand     `cmd:"" help:"Print nodes, links and partitions; fails when something is wrong."`
	AddNode    addNodeCommand    `cmd:"" name:"add-node" help:"Let a node join that is about to be started."`
	RemoveNode removeNodeCommand `cmd:"" name:"remove-node" help:"Move a node's replicas to the others and take it out."`
	Rebalance  rebalanceCommand  `cmd:"" help:"Spread replicas and leaders evenly over the nodes."`
}

type statusCommand struct {
	Wait time.Duration `name:"wait" placeholder:"TIME" help:"Ask until nothing is wrong, for at most so long."`
}

type addNodeCommand struct {
	ID    int32  `arg:"" name:"id" help:"Id of the new node."`
	Kafka string `name:"kafka" required:"" placeholder:"HOST:PORT" help:"Address that clients are told."`
	WAL   string `name:"wal" placeholder:"HOST:PORT" help:"Taken and not used."`
	Raft  string `name:"raft" required:"" placeholder:"HOST:PORT" help:"Address that the other nodes connect to."`
}

type removeNodeCommand struct {
	ID     int32         `arg:"" name:"id" help:"Id of the node."`
	Force  bool          `name:"force" help:"Give up what is on that node alone. For a node that will not come back."`
	Within time.Duration `name:"within" placeholder:"TIME" default:"1h" help:"How long to wait for the end (default 1h); the work goes on without."`
}

type rebalanceCommand struct {
	Within time.Duration `name:"within" placeholder:"TIME" default:"1h" help:"How long to wait for the end (default 1h); the work goes on without."`
}

// How often a node is asked again. A start takes less than a second, a move of replicas far longer.
const (
	statusEvery = 50 * time.Millisecond
	changeEvery = 500 * time.Millisecond
)

// asking is a command that asks the HTTP listener of a node.
type asking func(context.Context, *adminClient, io.Writer) error

// asking returns the command to run, nil for one that asks nobody.
func (line *commandLine) asking(command string) asking {
	return map[string]asking{
		"cluster status":           line.Cluster.Status.run,
		"cluster add-node <id>":    line.Cluster.AddNode.run,
		"cluster remove-node <id>": line.Cluster.RemoveNode.run,
		"cluster rebalance":        line.Cluster.Rebalance.run,
		"tree":                     line.Tree.run,
		"fault add <path>":         line.Fault.Add.run,
		"fault list":               line.Fault.List.run,
		"fault clear":              line.Fault.Clear.run,
		"fault clock":              line.Fault.Clock.run,
	}[command]
}

// ask runs a command that asks a node and returns the exit status.
func ask(p process, line *commandLine, command asking) int {
	settings, _, err := line.settings(p.environ)
	if err != nil {
		printSettingsError(p.stderr, err)
		return exitUsage
	}
	node, err := newAdminClient(settings)
	if err != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-p.signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := command(ctx, node, p.stdout); err != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func (s *statusCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	status, err := node.status(ctx)
	if s.Wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, s.Wait)
		defer cancel()
		for (err != nil || !status.Healthy()) && pause(waiting, statusEvery) {
			status, err = node.status(ctx)
		}
	}
	if err != nil {
		return err
	}
	printStatus(out, &status)
	if !status.Healthy() {
		return fmt.Errorf("the cluster needs attention: %d problems", len(status.Problems))
	}
	return nil
}

func (a *addNodeCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	request := admin.AddNode{ID: a.ID, Kafka: a.Kafka, WAL: a.WAL, Raft: a.Raft}
	changed, err := node.change(ctx, "add-node", request)
	if err == nil {
		fmt.Fprintln(out, changed.Message)
	}
	return err
}

// run asks again until the node has left: each call goes on where the one before ended, so it does not matter
// which of them was cut off.
func (r *removeNodeCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	waiting, cancel := context.WithTimeout(ctx, r.Within)
	defer cancel()
	said := ""
	for {
		changed, err := node.change(ctx, "remove-node", admin.RemoveNode{ID: r.ID, Force: r.Force})
		if err != nil {
			return err
		}
		if changed.Message != said {
			said = changed.Message
			fmt.Fprintln(out, said)
		}
		if !changed.UnderWay {
			return nil
		}
		if !pause(waiting, changeEvery) {
			return fmt.Errorf("node %d has not left yet; the replicas go on moving, "+
				"and the same command again sees to the rest", r.ID)
		}
	}
}

// run waits until nothing is being moved any more.
func (r *rebalanceCommand) run(ctx context.Context, node *adminClient, out io.Writer) error {
	changed, err := node.change(ctx, "rebalance", admin.Rebalance{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, changed.Message)
	waiting, cancel := context.WithTimeout(ctx, r.Within)
	defer cancel()
	left := -1
	for {
		status, err := node.status(ctx)
		switch {
		case err != nil: // The node may be restarted meanwhile; the rebalancing goes on.
		case status.Reassigning == 0:
			fmt.Fprintln(out, "balanced")
			return nil
		case status.Reassigning != left:
			left = status.Reassigning
			fmt.Fprintf(out, "%d partitions are being moved\n", left)
		}
		if !pause(waiting, changeEvery) {
			return fmt.Errorf("%d partitions are being moved still; that goes on by itself", max(left, 0))
		}
	}
}

// pause returns false when the context ends before the time is over.
func pause(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
