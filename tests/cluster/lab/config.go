package lab

import (
	"fmt"
	"net"
	"strings"
)

// The ports of a node that has a network of its own. On loopback the nodes get free ones.
const kafkaPort, raftPort, httpPort = "9092", "9192", "10001"

func (n *Node) takeAddresses() (err error) {
	if network := n.cluster.options.Network; network != nil {
		host := network.Address(n.ID)
		n.Kafka, n.Raft = net.JoinHostPort(host, kafkaPort), net.JoinHostPort(host, raftPort)
		n.HTTP = net.JoinHostPort(host, httpPort)
		return nil
	}
	for _, address := range []*string{&n.Kafka, &n.Raft, &n.HTTP} {
		if *address, err = freeAddress(); err != nil {
			return err
		}
	}
	return nil
}

// toml is the configuration of a node. The peers are the same on all members; a spare node names itself too.
func (n *Node) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "node_id = %d\ndata_dir = %q\n", n.ID, n.Data)
	fmt.Fprintf(&b, "\n[bind]\nkafka = %q\nraft = %q\nmetrics = %q\n", n.Kafka, n.Raft, n.HTTP)
	for _, peer := range n.cluster.Nodes {
		if member := int(peer.ID) <= n.cluster.options.Nodes; member || peer == n {
			fmt.Fprintf(&b, "\n[[peers]]\nid = %d\nkafka = %q\nraft = %q\n", peer.ID, peer.Kafka, peer.Raft)
		}
	}
	return b.String()
}
