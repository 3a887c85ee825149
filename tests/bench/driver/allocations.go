//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// Pinned counts of allocations, over the whole way of a request through all actors. They are what the code
// needs today and a little room for what runs beside; a change that passes them wants a reason.
const (
	produceAllocations = 125
	fetchAllocations   = 30
)

// allocations counts what one small request allocates in the broker, by the counter of its runtime.
func allocations(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	if err := createTopic(ctx, node.addr, smallTopic, smallPartitions); err != nil {
		return err
	}
	var produced, fetched []float64
	for range b.sizes.rounds {
		count, err := node.allocations(ctx, func() (stats.Small, error) { return b.small(ctx, node.addr, 1) })
		if err != nil {
			return err
		}
		produced = append(produced, count)
		count, err = node.allocations(ctx, func() (result stats.Small, err error) {
			err = ask(ctx, &result, b.programs.load,
				"poll", "-broker", node.addr, "-topic", smallTopic, "-for", b.sizes.small)
			return result, err
		})
		if err != nil {
			return err
		}
		fetched = append(fetched, count)
	}
	b.report.atMost("allocations per small produce request", produceAllocations, "", produced, "")
	b.report.atMost("allocations per small fetch request", fetchAllocations, "", fetched, "")
	return nil
}

// allocations returns how many there were per request of a run, without those of looking.
func (n *node) allocations(ctx context.Context, run func() (stats.Small, error)) (float64, error) {
	var counts [3]float64
	var done stats.Small
	for i := range counts {
		if i == 2 {
			var err error
			if done, err = run(); err != nil {
				return 0, err
			}
		}
		var err error
		if counts[i], err = n.counter(ctx, "go_memstats_mallocs_total"); err != nil {
			return 0, err
		}
	}
	looking := counts[1] - counts[0]
	return (counts[2] - counts[1] - looking) / float64(done.Requests), nil
}

// counter reads one of the broker's metrics.
func (n *node) counter(ctx context.Context, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.http+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	for one := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(one, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("the broker has no metric %s", name)
}
