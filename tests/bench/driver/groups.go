//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const (
	groupTopic      = "groups"
	groupMembers    = 20
	groupPartitions = 2 * groupMembers
	// groupHeartbeat is short, so that the figure is the broker's: a member learns of a change by a heartbeat.
	groupHeartbeat = 100 * time.Millisecond
)

// settling measures how soon the others share what a member leaves behind, by both protocols.
func settling(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "", "CHRONIK_GROUPS_INITIAL_REBALANCE_DELAY=0s",
		"CHRONIK_GROUPS_CONSUMER_HEARTBEAT_INTERVAL="+groupHeartbeat.String())
	if err != nil {
		return err
	}
	defer node.kill()
	if err := createTopic(ctx, node.addr, groupTopic, groupPartitions); err != nil {
		return err
	}
	for _, protocol := range []struct {
		name    string
		options []kgo.Opt
	}{
		{"classic", []kgo.Opt{kgo.Balancers(kgo.RangeBalancer()), kgo.HeartbeatInterval(groupHeartbeat)}},
		{"consumer", []kgo.Opt{kgo.ServerSideBalancer()}}, // the broker sets the interval
	} {
		options := append(protocol.options, kgo.ConsumerGroup("settling-"+protocol.name))
		took, err := b.settle(ctx, node, options...)
		if err != nil {
			return fmt.Errorf("%s protocol: %w", protocol.name, err)
		}
		b.report.atMost("group of 20 settles after one leaves, "+protocol.name+" protocol", 0, "ms", took,
			"40 partitions, a heartbeat every %s", groupHeartbeat)
	}
	return nil
}

// settle lets one member after the other leave and come back, and returns the milliseconds from each
// beginning to leave until the others hold everything.
func (b *bench) settle(ctx context.Context, n *node, options ...kgo.Opt) ([]float64, error) {
	g := &group{addr: n.addr, options: options, owners: make(map[int32]int), changed: make(chan struct{}, 1)}
	defer g.close()
	for range groupMembers {
		if err := g.join(); err != nil {
			return nil, err
		}
	}
	if err := g.settled(ctx); err != nil {
		return nil, err
	}
	var took []float64
	for range b.sizes.rounds {
		begun := time.Now()
		leaving := g.leave()
		err := g.settled(ctx)
		took = append(took, time.Since(begun).Seconds()*1e3)
		<-leaving
		if err == nil {
			err = g.join()
		}
		if err == nil {
			err = g.settled(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// group is a consumer group whose members do nothing but be members.
type group struct {
	addr    string
	options []kgo.Opt
	clients []*kgo.Client // in the order they joined
	first   int           // number of the client that joined first, of those that are left

	mu      sync.Mutex
	owners  map[int32]int // of each partition, the number of its client
	changed chan struct{} // holds one token when owners may have changed
}

// join adds a member.
func (g *group) join() error {
	number := g.first + len(g.clients)
	assigned := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		g.own(partitions[groupTopic], number, true)
	}
	released := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		g.own(partitions[groupTopic], number, false)
	}
	own := []kgo.Opt{
		kgo.SeedBrokers(g.addr), kgo.ConsumeTopics(groupTopic),
		kgo.OnPartitionsAssigned(assigned), kgo.OnPartitionsRevoked(released), kgo.OnPartitionsLost(released),
	}
	client, err := kgo.NewClient(append(own, g.options...)...)
	if err != nil {
		return err
	}
	g.clients = append(g.clients, client)
	return nil
}

// leave lets the oldest member go; the channel closes when it has.
func (g *group) leave() <-chan struct{} {
	client, gone := g.clients[0], make(chan struct{})
	g.clients, g.first = g.clients[1:], g.first+1
	go func() {
		defer close(gone)
		client.Close()
	}()
	return gone
}

func (g *group) own(partitions []int32, number int, owns bool) {
	g.mu.Lock()
	for _, partition := range partitions {
		switch {
		case owns:
			g.owners[partition] = number
		case g.owners[partition] == number:
			delete(g.owners, partition)
		}
	}
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default: // there is a token
	}
}

// shared tells whether the members hold all partitions, each of them at least one.
func (g *group) shared() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	holding := make(map[int]bool)
	for _, owner := range g.owners {
		if owner < g.first {
			return false
		}
		holding[owner] = true
	}
	return len(g.owners) == groupPartitions && len(holding) == len(g.clients)
}

func (g *group) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !g.shared() {
		select {
		case <-g.changed:
		case <-ctx.Done():
			return fmt.Errorf("the group does not settle: %w", ctx.Err())
		}
	}
	return nil
}

func (g *group) close() {
	var all sync.WaitGroup
	for _, client := range g.clients {
		all.Go(client.Close)
	}
	all.Wait()
}

// commits measures offset commits, one by one and from many connections.
func commits(ctx context.Context, b *bench) error {
	return b.oneAndMany(ctx, "commit", "offset commits", "connections, each a group")
}

// transactions measures transactions with one record each.
func transactions(ctx context.Context, b *bench) error {
	return b.oneAndMany(ctx, "transact", "transactions", "producers, one record each")
}

// oneAndMany asks the client for something over many connections and over one, and reports the rate of the
// many. What each costs in CPU tells a machine that had more to do from a broker that has become slower.
func (b *bench) oneAndMany(ctx context.Context, what, name, many string) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	if err := createTopic(ctx, node.addr, groupTopic, groupPartitions); err != nil {
		return err
	}
	var single, rates, costs []float64
	for range b.sizes.rounds {
		for _, connections := range []int{1, smallWriters} {
			var result stats.Small
			cpu, err := spent(node.pid(), func() error {
				return ask(ctx, &result, b.programs.load, what, "-broker", node.addr, "-topic", groupTopic,
					"-partitions", groupPartitions, "-connections", connections, "-for", b.sizes.small)
			})
			if err != nil {
				return err
			}
			if connections == 1 {
				single = append(single, result.P50)
				continue
			}
			rates = append(rates, result.Rate())
			costs = append(costs, cpu.Seconds()*1e6/float64(result.Requests))
		}
	}
	b.report.atLeast(name, 0, "/s", rates, "%d %s, %.0f µs of CPU each time; one by one p50 %.0f µs",
		smallWriters, many, stats.Median(costs), stats.Median(single))
	return nil
}
