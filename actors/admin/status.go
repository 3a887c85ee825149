package admin

import (
	"fmt"
	"strings"
)

// Status is what GET /admin/status shows.
type Status struct {
	NodeID        int32   `json:"node_id"`
	ClusterID     string  `json:"cluster_id"`
	Ready         bool    `json:"ready"`
	NotReady      string  `json:"not_ready,omitempty"` // the reason
	UptimeSeconds float64 `json:"uptime_seconds"`
	Kafka         string  `json:"kafka"` // the address that clients are told
	Brokers       int     `json:"brokers"`
	Controller    int32   `json:"controller"` // node that leads the metadata, -1 while unknown
	Topics        int     `json:"topics"`
	Partitions    int     `json:"partitions"`       // of all topics
	Replicas      int     `json:"replicas"`         // on this node
	Leaders       int     `json:"leaders"`          // replicas on this node that lead
	Offline       int     `json:"offline_replicas"` // replicas on this node that were given up
	Connections   int     `json:"connections"`
	ClusterStatus
	Problems []string `json:"problems"` // a sentence for each thing that someone should look at; filled by admin
	Build    Build    `json:"build"`
}

// ClusterStatus is the cluster as this node sees it.
type ClusterStatus struct {
	Nodes           []NodeStatus `json:"nodes"` // registered and expected ones, by id
	Links           []LinkStatus `json:"links"` // of this node to the others, by id
	UnderReplicated int          `json:"under_replicated"`
	OfflineCount    int          `json:"offline"`     // partitions that have no leader
	Reassigning     int          `json:"reassigning"` // partitions whose replicas are being moved
	// Unsettled are partitions that are offline, under-replicated or being moved, up to MostUnsettled.
	Unsettled []PartitionStatus `json:"unsettled"`
}

// MostUnsettled bounds ClusterStatus.Unsettled: a node that is down touches thousands of partitions, and a
// hundred of them tell as much.
const MostUnsettled = 100

// NodeStatus is one node of the cluster.
type NodeStatus struct {
	ID         int32  `json:"id"`
	Alive      bool   `json:"alive"`      // as seen from here
	Registered bool   `json:"registered"` // false: it is expected and has not come yet
	Kafka      string `json:"kafka"`
	Raft       string `json:"raft"`
	Rack       string `json:"rack,omitempty"`
	Leaders    int    `json:"leaders"`  // partitions that it leads
	Replicas   int    `json:"replicas"` // of partitions that are assigned to it
}

// LinkStatus is the link from this node to another one.
type LinkStatus struct {
	Node       int32   `json:"node"`
	State      string  `json:"state"` // "up" or what keeps it from being so
	Address    string  `json:"address"`
	RTTMillis  float64 `json:"rtt_ms"`
	QueueBytes int64   `json:"queue_bytes"`
	Drops      uint64  `json:"drops"`      // messages that did not fit the queue
	Reconnects uint64  `json:"reconnects"` // since this node started
	Error      string  `json:"error,omitempty"`
}

// LinkUp is the state of a link that works.
const LinkUp = "up"

// PartitionStatus is one partition.
type PartitionStatus struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"` // -1: none
	Replicas  []int32 `json:"replicas"`
	InSync    []int32 `json:"isr"` // as the leader measured it
	Adding    []int32 `json:"adding,omitempty"`
	Removing  []int32 `json:"removing,omitempty"`
}

// Healthy tells whether there is nothing that someone should look at.
func (s *Status) Healthy() bool { return len(s.Problems) == 0 }

// findProblems returns a sentence for each thing that someone should look at. A partition that is being moved
// is none.
func (s *Status) findProblems() []string {
	found := []string{} // an empty list in JSON, not null
	add := func(format string, values ...any) { found = append(found, fmt.Sprintf(format, values...)) }
	if !s.Ready {
		add("node %d does not serve: %s", s.NodeID, s.NotReady)
	}
	if s.Controller < 0 {
		add("no node leads the metadata; topics and nodes cannot be changed")
	}
	for _, node := range s.Nodes {
		switch {
		case !node.Registered:
			add("node %d is expected and has not come", node.ID)
		case !node.Alive:
			add("node %d is not reachable from node %d", node.ID, s.NodeID)
		}
	}
	for _, link := range s.Links {
		if link.State != LinkUp {
			add("the link to node %d at %s is %s%s", link.Node, link.Address, link.State, reason(link.Error))
		}
	}
	if s.OfflineCount > 0 {
		add("%d partitions have no leader", s.OfflineCount)
	}
	if s.UnderReplicated > 0 {
		add("%d partitions are under-replicated", s.UnderReplicated)
	}
	if s.Offline > 0 {
		add("%d replicas on node %d were given up; its log says why", s.Offline, s.NodeID)
	}
	return found
}

func reason(text string) string {
	if text == "" {
		return ""
	}
	return ": " + strings.TrimSpace(text)
}
