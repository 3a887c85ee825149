//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	failoverNodes  = 3
	failoverGroups = 1000
	failoverOffset = 42
	// failoverLook is how often the groups are asked for that have not answered yet.
	failoverLook = 5 * time.Millisecond
)

// failovers measures how long groups are without a coordinator when the node of theirs is killed: until each
// of them has answered with its committed offset.
func failovers(ctx context.Context, b *bench) error {
	var took []float64
	moved := 0
	for range b.sizes.failovers {
		seconds, groups, err := b.failover(ctx)
		if err != nil {
			return err
		}
		took, moved = append(took, seconds), groups
	}
	b.report.atMost("coordinators of 1,000 groups fail over", 1.5, "s", took,
		"%d nodes, one killed, which coordinated %d groups", failoverNodes, moved)
	return nil
}

// startCluster starts nodes that form a cluster.
func (b *bench) startCluster(ctx context.Context) ([]*node, error) {
	addrs, peers := make([]string, failoverNodes), make([]string, failoverNodes)
	for i := range addrs {
		for part := range 3 { // of Kafka, of the write-ahead log, of Raft
			addr, err := freePort()
			if err != nil {
				return nil, err
			}
			if part == 0 {
				addrs[i], peers[i] = addr, addr
				continue
			}
			peers[i] += addr[strings.LastIndexByte(addr, ':'):]
		}
	}
	var nodes []*node
	for i, addr := range addrs {
		dir, err := os.MkdirTemp(b.dir, "cluster-")
		if err == nil {
			var n *node
			n, err = b.launch(dir, addr, fmt.Sprintf("CHRONIK_NODE_ID=%d", i+1),
				"CHRONIK_CLUSTER_PEERS="+strings.Join(peers, ","))
			nodes = append(nodes, n)
		}
		if err != nil {
			return nil, errors.Join(err, removeAll(nodes))
		}
	}
	for _, n := range nodes {
		if err := b.serving(ctx, n); err != nil {
			return nil, errors.Join(err, removeAll(nodes))
		}
	}
	return nodes, nil
}

func removeAll(nodes []*node) error {
	var wrong []error
	for _, n := range nodes {
		if n != nil {
			wrong = append(wrong, n.remove())
		}
	}
	return errors.Join(wrong...)
}

// failover kills a coordinator once, in a cluster of its own, and returns the seconds and how many groups
// lost theirs.
func (b *bench) failover(ctx context.Context) (float64, int, error) {
	nodes, err := b.startCluster(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer removeAll(nodes)
	if err := createTopic(ctx, nodes[0].addr, groupTopic, 1); err != nil {
		return 0, 0, err
	}
	client, err := namingClient(nodes[0].addr, nodes[1].addr, nodes[2].addr)
	if err != nil {
		return 0, 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w := &waiting{client: client, left: make(map[string]bool)}
	for i := range failoverGroups {
		name := fmt.Sprintf("failover-%d", i)
		w.left[name] = true
		if err := commitOffset(ctx, client, name); err != nil {
			return 0, 0, err
		}
	}
	coordinators, err := w.coordinators(ctx, 2)
	if err != nil {
		return 0, 0, err
	}
	for name, id := range coordinators {
		if id != 1 {
			delete(w.left, name)
		}
	}
	lost := len(w.left)
	begun := time.Now()
	nodes[0].kill()
	if err := w.wait(ctx, 2); err != nil {
		return 0, 0, err
	}
	return time.Since(begun).Seconds(), lost, nil
}

// namingClient speaks versions that name topics, so that nobody looks up their ids.
func namingClient(addrs ...string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.MaxVersions(kversion.V3_7_0()))
}

func commitOffset(ctx context.Context, client *kgo.Client, group string) error {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = groupTopic
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = failoverOffset
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	response, err := r.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("commit for %s: %w", group, err)
	}
	return kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
}

// waiting asks groups until each has answered.
type waiting struct {
	client *kgo.Client
	left   map[string]bool
}

// wait asks a node where the coordinators are, and them for the offsets, until no group is left.
func (w *waiting) wait(ctx context.Context, node int) error {
	look := time.NewTicker(failoverLook)
	defer look.Stop()
	for {
		groups := make(map[int32][]string)
		found, err := w.coordinators(ctx, node)
		if err != nil {
			return err
		}
		for name, id := range found {
			if id != 1 {
				groups[id] = append(groups[id], name)
			}
		}
		for id, names := range groups {
			if err := w.fetch(ctx, int(id), names); err != nil {
				return err
			}
		}
		if len(w.left) == 0 {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("%d groups are without a coordinator: %w", len(w.left), ctx.Err())
		}
	}
}

// coordinators returns the coordinators of groups that are left, as far as a node knows them.
func (w *waiting) coordinators(ctx context.Context, node int) (map[string]int32, error) {
	r := kmsg.NewPtrFindCoordinatorRequest()
	for name := range w.left {
		r.CoordinatorKeys = append(r.CoordinatorKeys, name)
	}
	response, err := r.RequestWith(ctx, w.client.Broker(node))
	if err != nil {
		return nil, fmt.Errorf("find coordinators: %w", err)
	}
	found := make(map[string]int32)
	for _, c := range response.Coordinators {
		if c.ErrorCode == 0 {
			found[c.Key] = c.NodeID
		}
	}
	return found, nil
}

// fetch asks a coordinator for the offsets of groups and forgets those that have answered.
func (w *waiting) fetch(ctx context.Context, node int, groups []string) error {
	r := kmsg.NewPtrOffsetFetchRequest()
	for _, name := range groups {
		group := kmsg.NewOffsetFetchRequestGroup()
		group.Group = name
		topic := kmsg.NewOffsetFetchRequestGroupTopic()
		topic.Topic, topic.Partitions = groupTopic, []int32{0}
		group.Topics = append(group.Topics, topic)
		r.Groups = append(r.Groups, group)
	}
	response, err := r.RequestWith(ctx, w.client.Broker(node))
	if err != nil {
		return fmt.Errorf("fetch offsets: %w", err)
	}
	for _, group := range response.Groups {
		if group.ErrorCode != 0 || group.Topics[0].Partitions[0].ErrorCode != 0 {
			continue // it loads, or is elsewhere
		}
		if got := group.Topics[0].Partitions[0].Offset; got != failoverOffset {
			return fmt.Errorf("group %s: got offset %d, want %d", group.Group, got, failoverOffset)
		}
		delete(w.left, group.Group)
	}
	return nil
}
