package broker

import (
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
)

// cluster is what a node with peers has and a cluster of one does without.
type cluster struct {
	self  *link.Self
	peers *link.Peers
	tls   *tls.Config
	nodes []raftactor.Peer // of the configuration, this node not among them
}

// joinNetwork makes what the links need. It does not connect to anybody yet.
func (a *Actor) joinNetwork() error {
	settings := a.options.Config
	if settings.Bind.Raft == "" {
		return nil
	}
	one := &cluster{}
	if certificates := settings.PeerTLS; certificates.Cert != "" {
		loaded, err := link.LoadTLS(certificates.Cert, certificates.Key, certificates.CA)
		if err != nil {
			return fmt.Errorf("certificates of the links between nodes: %w", err)
		}
		one.tls = loaded
	}
	for _, peer := range settings.Peers {
		if peer.ID != settings.NodeID {
			one.nodes = append(one.nodes, raftactor.Peer{Node: peer.ID, Address: peer.Raft})
		}
	}
	one.self = link.NewSelf(link.Hello{
		Node: settings.NodeID, Directory: a.storage.Dir.ID(), Cluster: a.storage.Dir.ClusterID(),
		State: a.state(), Raft: settings.Advertise.Raft, Build: admin.ReadBuild().Version,
		Feature: link.Feature, Instance: kit.Random.Uint64(),
	})
	one.peers = link.NewPeers(one.self, link.Options{
		Queue: int64(settings.Limits.PeerQueue), Silence: settings.Limits.PeerSilence,
		TLS: one.tls, Metrics: a.options.Registry, Dial: a.options.dial(), Transport: a.options.Transport,
	})
	a.cluster = one
	return nil
}

// state tells how far the data directory had come with a cluster when the node started. The metadata actor
// publishes what comes after.
func (a *Actor) state() link.State {
	switch dir := a.storage.Dir; {
	case dir.ClusterID() != "":
		return link.Member
	case dir.Fresh():
		return link.Fresh
	default:
		return link.Founded
	}
}

// network is what the host of the groups works with; nil for a cluster of one.
func (a *Actor) network(c *kit.Context) *raftactor.Network {
	if a.cluster == nil {
		return nil
	}
	settings := a.options.Config
	address := settings.Bind.Raft
	if a.raft != nil {
		address = a.raft.String() // the port that peers know
	}
	return &raftactor.Network{
		Peers: a.cluster.peers, Nodes: a.cluster.nodes, Fetches: int64(settings.Limits.Catchups),
		Server: server.Config{
			Listen: a.options.listen(), Address: address, Self: a.cluster.self, TLS: a.cluster.tls,
			Transport: a.options.Transport, Log: a.options.Log,
			Known: a.known(), Rate: int(settings.Limits.CatchupRate), CatchUps: int(settings.Limits.Catchups),
			Services: map[link.Service]kit.Address{
				link.ServiceMetadata: c.Self().Child(nameMetadata),
				link.ServiceLeaders:  c.Self().Child(namePartitions),
				link.ServiceKafka:    c.Self().Child(nameBrokers),
			},
		},
	}
}

// known tells whether a node may speak to this one: it stands in the configuration, or the cluster knows it.
func (a *Actor) known() func(node int32) bool {
	nodes, current := a.cluster.nodes, a.current
	return func(node int32) bool {
		return slices.ContainsFunc(nodes, func(p raftactor.Peer) bool { return p.Node == node }) ||
			current.Image().Known(node)
	}
}
