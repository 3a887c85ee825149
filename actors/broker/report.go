package broker

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/link"
)

// report answers the HTTP listener, from any goroutine, out of what is published anyway.
type report struct {
	node    int32
	begun   time.Time
	current *metadata.Current
	table   *partition.Table
	leaders *partition.Leaders
	peers   atomic.Pointer[link.Peers] // nil in a cluster of one
	now     func() time.Time
	tree    func() []kit.Node
	state   atomic.Pointer[reported]
}

// reported is what only the actor knows. It is immutable.
type reported struct {
	notReady    error // nil while clients are served
	kafka       string
	connections func() int
}

var errStarting = errors.New("the node is starting")

// Ready returns nil while Kafka clients are served, else the reason.
func (r *report) Ready() error { return r.state.Load().notReady }

// Tree returns the actors that live, and the time.
func (r *report) Tree() ([]kit.Node, time.Time) { return r.tree(), r.now() }

// Status describes the node.
func (r *report) Status() admin.Status {
	state, i := r.state.Load(), r.current.Image()
	status := admin.Status{
		NodeID: r.node, ClusterID: i.ClusterID(), Ready: state.notReady == nil,
		UptimeSeconds: r.now().Sub(r.begun).Seconds(), Kafka: state.kafka,
		Brokers: len(i.Brokers()), Controller: r.current.Controller(),
		Topics: i.TopicCount(), Partitions: i.PartitionCount(), Build: admin.ReadBuild(),
	}
	if state.notReady != nil {
		status.NotReady = state.notReady.Error()
	}
	if state.connections != nil {
		status.Connections = state.connections()
	}
	r.table.Each(func(topic *partition.Topic) bool {
		for _, replica := range topic.Replicas {
			count(&status, replica)
		}
		return true
	})
	return status
}

func count(status *admin.Status, replica *partition.Replica) {
	if replica == nil {
		return
	}
	status.Replicas++
	switch {
	case replica.Leadership().Ready:
		status.Leaders++
	case replica.Offline():
		status.Offline++
	}
}
