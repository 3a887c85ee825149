//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The server is built as a tool of a module of its own, so that it does not become a dependency of ours.
const (
	natsModule = "tests/bench/nats"
	natsServer = "github.com/nats-io/nats-server/v2"
)

// makeNATS prepares nodes of NATS with JetStream on files. Its interval is how often it syncs them.
func makeNATS(_ context.Context, b *bench, nodes int, name, interval string) ([]*system, error) {
	s := &system{name: name, client: b.programs.natsLoad, replicas: nodes, foreign: true}
	free, err := addresses(2 * nodes)
	if err != nil {
		return nil, err
	}
	routes := make([]string, nodes)
	for i, address := range free[nodes:] {
		routes[i] = "nats-route://" + address
	}
	s.addrs = free[:nodes]
	for i := range nodes {
		dir, err := b.folder(name)
		if err != nil {
			return nil, err
		}
		var config strings.Builder
		fmt.Fprintf(&config, "server_name: node%d\nlisten: %q\n", i+1, s.addrs[i])
		fmt.Fprintf(&config, "jetstream { store_dir: %q, sync_interval: %q, max_file_store: 40GB }\n",
			filepath.Join(dir, "data"), interval)
		if nodes > 1 {
			fmt.Fprintf(&config, "cluster { name: bench, listen: %q, routes: [%s] }\n", free[nodes+i],
				strings.Join(routes, ", "))
		}
		path := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(path, []byte(config.String()), 0o600); err != nil {
			return nil, err
		}
		s.nodes = append(s.nodes, &process{
			program: b.programs.nats, args: []string{"-c", path}, log: filepath.Join(dir, "log"),
		})
	}
	return []*system{s}, nil
}
