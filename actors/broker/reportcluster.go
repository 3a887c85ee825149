package broker

import (
	"net"
	"slices"
	"strconv"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/raftactor/link"
)

// Cluster describes the cluster as this node sees it.
func (r *report) Cluster() admin.ClusterStatus {
	i := r.current.Image()
	s := admin.ClusterStatus{Nodes: []admin.NodeStatus{}, Links: r.links(), Unsettled: []admin.PartitionStatus{}}
	nodes := make(map[int32]*admin.NodeStatus)
	for _, broker := range i.Brokers() {
		nodes[broker.ID] = &admin.NodeStatus{
			ID: broker.ID, Alive: r.alive(broker.ID), Registered: true, Kafka: clientAddress(broker),
			Raft: broker.Raft, Rack: broker.Rack,
		}
	}
	for topic := range i.Topics() {
		for _, p := range topic.Partitions {
			r.count(&s, nodes, topic, p)
		}
	}
	for _, node := range nodes {
		s.Nodes = append(s.Nodes, *node)
	}
	for _, expected := range i.Expected() {
		s.Nodes = append(s.Nodes, admin.NodeStatus{
			ID: expected.ID, Alive: r.alive(expected.ID), Kafka: expected.Kafka, Raft: expected.Raft,
		})
	}
	slices.SortFunc(s.Nodes, func(a, b admin.NodeStatus) int { return int(a.ID) - int(b.ID) })
	return s
}

// count adds a partition to what is told of the nodes and of the cluster.
func (r *report) count(
	s *admin.ClusterStatus, nodes map[int32]*admin.NodeStatus, topic *image.Topic, p image.Partition,
) {
	known := r.leaders.Newest(p.Group, r.table.Lookup(topic.Name, p.Index), r.node)
	one := admin.PartitionStatus{
		Topic: topic.Name, Partition: p.Index, Leader: partition.NoLeader, Replicas: p.Brokers(),
		InSync: []int32{}, Adding: brokersOf(p.Adding), Removing: brokersOf(p.Removing),
	}
	if known.Node != partition.NoLeader && r.alive(known.Node) {
		one.Leader = known.Node
		one.InSync = append(one.InSync, known.InSync...)
	}
	for _, broker := range one.Replicas {
		if node := nodes[broker]; node != nil {
			node.Replicas++
		}
	}
	if node := nodes[one.Leader]; node != nil {
		node.Leaders++
	}
	under := len(one.InSync) < len(p.Target())
	if under {
		s.UnderReplicated++
	}
	if one.Leader == partition.NoLeader {
		s.OfflineCount++
	}
	if p.Reassigning() {
		s.Reassigning++
	}
	if (under || p.Reassigning()) && len(s.Unsettled) < admin.MostUnsettled {
		s.Unsettled = append(s.Unsettled, one)
	}
}

func (r *report) alive(node int32) bool {
	peers := r.peers.Load()
	return node == r.node || peers != nil && peers.Alive(node)
}

// links describes the links of this node to others.
func (r *report) links() []admin.LinkStatus {
	described := []admin.LinkStatus{}
	peers := r.peers.Load()
	if peers == nil {
		return described
	}
	for _, one := range peers.States() {
		s := admin.LinkStatus{
			Node: one.Node, State: string(one.Phase), Address: one.Address,
			RTTMillis: float64(one.RTT.Microseconds()) / 1000, QueueBytes: one.QueueBytes, Drops: one.Drops,
			Reconnects: max(one.Connects, 1) - 1, Error: one.LastError,
		}
		if one.Phase == link.Linked {
			s.State, s.Error = admin.LinkUp, ""
		}
		described = append(described, s)
	}
	return described
}

func clientAddress(broker *image.Broker) string {
	endpoint, has := broker.Endpoint(listenerName)
	if !has {
		return ""
	}
	return net.JoinHostPort(endpoint.Host, strconv.Itoa(int(endpoint.Port)))
}

func brokersOf(replicas []image.ReplicaID) []int32 {
	var brokers []int32
	for _, replica := range replicas {
		brokers = append(brokers, replica.Broker())
	}
	return brokers
}
