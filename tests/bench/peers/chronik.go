//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chronik-go/chronik/tests/node"
)

// addresses returns so many that nobody listens on.
func addresses(count int) ([]string, error) {
	all := make([]string, count)
	for i := range all {
		var err error
		if all[i], err = node.FreeAddress(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// makeChronik prepares nodes with default settings.
func makeChronik(_ context.Context, b *bench, nodes int) ([]*system, error) {
	s := &system{name: chronikName, client: b.programs.load, replicas: nodes}
	free, err := addresses(3 * nodes)
	if err != nil {
		return nil, err
	}
	kafka, raft, http := free[:nodes], free[nodes:2*nodes], free[2*nodes:]
	s.addrs = kafka
	for i := range nodes {
		dir, err := b.folder(s.name)
		if err != nil {
			return nil, err
		}
		var config strings.Builder
		fmt.Fprintf(&config, "node_id = %d\ndata_dir = %q\n", i+1, filepath.Join(dir, "data"))
		fmt.Fprintf(&config, "[bind]\nkafka = %q\nmetrics = %q\n", kafka[i], http[i])
		if nodes > 1 {
			fmt.Fprintf(&config, "raft = %q\n", raft[i])
		}
		if b.profile {
			config.WriteString("[admin]\npprof = true\n")
		}
		for j := 0; nodes > 1 && j < nodes; j++ {
			fmt.Fprintf(&config, "[[peers]]\nid = %d\nkafka = %q\nraft = %q\n", j+1, kafka[j], raft[j])
		}
		path := filepath.Join(dir, "node.toml")
		if err := os.WriteFile(path, []byte(config.String()), 0o600); err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, &process{
			program: b.programs.server, args: []string{"start", "--config", path}, log: filepath.Join(dir, "log"),
		})
		if b.profile {
			fmt.Fprintf(os.Stderr, "chronik node %d: http://%s/debug/pprof\n", i+1, http[i])
		}
	}
	return []*system{s}, nil
}

// makeFloor prepares the program that does only what physics demands, for one node.
func makeFloor(_ context.Context, b *bench, nodes int) ([]*system, error) {
	if nodes > 1 {
		return nil, nil
	}
	s := &system{name: "floor", client: b.programs.load, replicas: 1}
	dir, err := b.folder(s.name)
	if err != nil {
		return nil, err
	}
	if s.addrs, err = addresses(1); err != nil {
		return nil, err
	}
	s.nodes = []*process{{
		program: b.programs.floor, args: []string{"serve", "-dir", dir, "-bind", s.addrs[0]},
		log: filepath.Join(dir, "log"),
	}}
	return []*system{s}, nil
}
