package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/config"
)

// printStatus writes the state of a cluster for people.
func printStatus(out io.Writer, s *admin.Status) {
	cluster := s.ClusterID
	if cluster == "" {
		cluster = "not formed yet"
	}
	up := time.Duration(s.UptimeSeconds * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(out, "cluster %s, controller %s, as node %d sees it (up %s)\n\n",
		cluster, nodeName(s.Controller), s.NodeID, up)
	printNodes(out, s)
	printLinks(out, s)
	fmt.Fprintf(out, "%d topics, %d partitions: %d without a leader, %d under-replicated, %d being moved\n\n",
		s.Topics, s.Partitions, s.OfflineCount, s.UnderReplicated, s.Reassigning)
	printPartitions(out, s.Unsettled)
	if s.Healthy() {
		fmt.Fprintln(out, "healthy")
		return
	}
	for _, problem := range s.Problems {
		fmt.Fprintln(out, "! "+problem)
	}
}

func printNodes(out io.Writer, s *admin.Status) {
	if len(s.Nodes) == 0 {
		return
	}
	table := newTable(out, "NODE", "STATE", "KAFKA", "RAFT", "RACK", "LEADERS", "REPLICAS")
	for _, node := range s.Nodes {
		state := "alive"
		switch {
		case !node.Registered:
			state = "expected"
		case !node.Alive:
			state = "down"
		}
		if node.ID == s.Controller {
			state += ", controller"
		}
		table.row(node.ID, state, node.Kafka, node.Raft, node.Rack, node.Leaders, node.Replicas)
	}
	table.end()
}

func printLinks(out io.Writer, s *admin.Status) {
	if len(s.Links) == 0 {
		return
	}
	table := newTable(out, "LINK TO", "STATE", "ADDRESS", "ROUND TRIP", "QUEUED", "DROPPED", "RECONNECTS")
	for _, link := range s.Links {
		trip := ""
		if link.State == admin.LinkUp {
			trip = fmt.Sprintf("%.2f ms", link.RTTMillis)
		}
		table.row(link.Node, link.State, link.Address, trip,
			config.Size(link.QueueBytes), link.Drops, link.Reconnects)
	}
	table.end()
}

func printPartitions(out io.Writer, unsettled []admin.PartitionStatus) {
	if len(unsettled) == 0 {
		return
	}
	table := newTable(out, "PARTITION", "STATE", "LEADER", "REPLICAS", "IN SYNC", "ADDING", "REMOVING")
	for _, p := range unsettled {
		table.row(fmt.Sprintf("%s-%d", p.Topic, p.Partition), partitionState(p), nodeName(p.Leader),
			list(p.Replicas), list(p.InSync), list(p.Adding), list(p.Removing))
	}
	table.end()
	if len(unsettled) >= admin.MostUnsettled {
		fmt.Fprintf(out, "only the first %d are shown\n\n", admin.MostUnsettled)
	}
}

func partitionState(p admin.PartitionStatus) string {
	switch {
	case p.Leader < 0:
		return "no leader"
	case slices.ContainsFunc(p.Replicas, func(id int32) bool {
		return !slices.Contains(p.InSync, id) && !slices.Contains(p.Adding, id)
	}):
		return "under-replicated"
	}
	return "being moved"
}

func nodeName(id int32) string {
	if id < 0 {
		return "none"
	}
	return fmt.Sprint(id)
}

func list(ids []int32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = fmt.Sprint(id)
	}
	return strings.Join(texts, ",")
}

// table aligns columns; an empty cell is shown as a dash.
type table struct {
	out     io.Writer
	columns *tabwriter.Writer
}

func newTable(out io.Writer, headings ...any) table {
	t := table{out, tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(headings...)
	return t
}

func (t table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		if texts[i] = fmt.Sprint(cell); texts[i] == "" {
			texts[i] = "-"
		}
	}
	fmt.Fprintln(t.columns, strings.Join(texts, "\t"))
}

func (t table) end() {
	_ = t.columns.Flush() // a reader that has gone wants nothing more
	fmt.Fprintln(t.out)
}
