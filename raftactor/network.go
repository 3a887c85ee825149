package raftactor

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/raftactor/catchup"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/raftactor/link/server"
)

// Network is how a node reaches its peers and is reached by them.
type Network struct {
	Peers  *link.Peers
	Server server.Config // without Events, Deliver, CatchUp and ServiceGroups, which are the host's
	Nodes  []Peer        // peers that are known from the start, this node not among them
	// Fetches bounds how many replicas fetch the state of others at once; 0 stands for 4.
	Fetches int64
}

const defaultFetches = 4

// network is the state of the host's links and of its server.
type network struct {
	wanted  map[int32]string // nodes to have links to, with their addresses
	fixed   map[int32]bool   // those of the configuration
	bound   net.Addr         // of the server; nil until it is bound
	refused error            // why the address cannot be bound, which is the end of the node
	slots   *kit.Budget
	repairs map[string]*kit.Restarts
}

// open starts the server first, and then the links: whoever says hello is answered.
func (h *host) open(c *kit.Context) {
	n := h.config.Network
	if n == nil {
		return
	}
	h.network = network{
		wanted: make(map[int32]string), fixed: make(map[int32]bool), repairs: make(map[string]*kit.Restarts),
		slots: kit.NewBudget(max(n.Fetches, 0)),
	}
	if n.Fetches == 0 {
		h.network.slots = kit.NewBudget(defaultFetches)
	}
	for _, peer := range n.Nodes {
		h.network.wanted[peer.Node], h.network.fixed[peer.Node] = peer.Address, true
	}
	h.serve(c)
}

func (h *host) serve(c *kit.Context) {
	config := h.config.Network.Server
	if h.network.bound != nil {
		config.Address = h.network.bound.String() // the port that the peers know
	}
	services := map[link.Service]kit.Address{link.ServiceGroups: c.Self()}
	maps.Copy(services, config.Services)
	config.Services, config.Peers = services, h.config.Network.Peers
	config.Events, config.Deliver, config.CatchUp = c.Self(), h.route(c.Self()), h.share
	config.Share = h.ask
	c.Spawn(server.Name, server.Spec(config))
}

// onBound starts the links once peers can reach this node.
func (h *host) onBound(c *kit.Context, m server.Bound) {
	h.tellAll(m)
	h.network.refused = m.Err
	if m.Err != nil {
		return
	}
	h.network.bound = m.Addr
	for node := range kit.InOrder(h.network.wanted) {
		h.connect(c, node)
	}
}

// connect starts the link to a node if there is none.
func (h *host) connect(c *kit.Context, node int32) {
	name := link.Name(node)
	if h.network.bound == nil || h.alivechild(c, name) {
		return
	}
	c.Spawn(name, link.Spec(link.Config{
		Node: node, Address: h.network.wanted[node], Peers: h.config.Network.Peers, Events: c.Self(),
		Log: h.config.Log,
	}))
}

func (h *host) alivechild(c *kit.Context, name string) bool {
	return slices.ContainsFunc(c.Children(), func(a kit.Address) bool { return a.Name() == name })
}

// setPeers makes the links those of the configuration and these.
func (h *host) setPeers(c *kit.Context, m SetPeers) {
	if h.config.Network == nil {
		return
	}
	self := h.config.Network.Peers.Self().Hello().Node
	known := make(map[int32]bool)
	for _, peer := range m.Peers {
		known[peer.Node] = true
		if peer.Node == self || peer.Address == "" {
			continue
		}
		if address, is := h.network.wanted[peer.Node]; is && address != peer.Address {
			c.Self().Child(link.Name(peer.Node)).Tell(link.SetAddress{Address: peer.Address})
		}
		h.network.wanted[peer.Node] = peer.Address
		h.connect(c, peer.Node)
	}
	for node := range kit.InOrder(h.network.wanted) {
		if !known[node] && !h.network.fixed[node] {
			delete(h.network.wanted, node)
			c.Stop(c.Self().Child(link.Name(node)))
		}
	}
}

// onGreeted dials a peer that has just said hello: it is there. The server has asked whether it is known.
func (h *host) onGreeted(c *kit.Context, m link.Greeted) {
	if _, wanted := h.network.wanted[m.Hello.Node]; !wanted {
		h.network.wanted[m.Hello.Node] = m.Hello.Raft
		h.connect(c, m.Hello.Node)
	}
	c.Self().Child(link.Name(m.Hello.Node)).Tell(link.Dial{Instance: m.Hello.Instance})
	h.tellAll(m)
}

func (h *host) onUp(m link.Up) {
	h.nodeChanged(m.Node)
	h.tellAll(m)
}

func (h *host) onDown(m link.Down) {
	h.nodeChanged(m.Node)
	h.tellAll(m)
}

// nodeChanged tells the groups that have peers, and those of which that is not known yet.
func (h *host) nodeChanged(node int32) {
	for _, u := range kit.InOrder(h.units) {
		if u.state == Running && (u.status.View().Peers > 0 || len(u.spec.Voters) != 1) {
			u.address.Tell(group.NodeChanged{Node: node})
		}
	}
}

// subscribe lets somebody hear of the links.
func (h *host) subscribe(c *kit.Context, m Subscribe) {
	if !slices.ContainsFunc(h.subscribers, m.Who.Equal) {
		h.subscribers = append(h.subscribers, m.Who)
		c.Watch(m.Who)
	}
	if h.config.Network == nil {
		return
	}
	switch {
	case h.network.refused != nil:
		m.Who.Tell(server.Bound{Err: h.network.refused})
	case h.network.bound != nil:
		m.Who.Tell(server.Bound{Addr: h.network.bound})
	}
	for _, node := range h.config.Network.Peers.Nodes() {
		if hello, up := h.config.Network.Peers.Hello(node); up {
			m.Who.Tell(link.Up{Node: node, Hello: hello})
		}
	}
}

func (h *host) tellAll(message any) {
	for _, who := range h.subscribers {
		who.Tell(message)
	}
}

// mended paces the repair of a link or of the server.
var mended = kit.Restarts{Limit: kit.NoLimit, Min: 10 * time.Millisecond, Max: 5 * time.Second}

// networkTerminated builds a link or the server again, unless nobody wants it any more, and forgets
// subscribers that are gone.
func (h *host) networkTerminated(c *kit.Context, who kit.Address) {
	h.subscribers = slices.DeleteFunc(h.subscribers, who.Equal)
	name := who.Name()
	if h.config.Network == nil || who.ID() != c.Self().ID()+"/"+name || !h.wants(name) {
		return
	}
	repairs := h.network.repairs[name]
	if repairs == nil {
		one := mended
		repairs = &one
		h.network.repairs[name] = repairs
	}
	wait, _ := repairs.Failed(c.Now())
	c.After(wait, mend{name})
}

// wants tells whether a child of the network should be there.
func (h *host) wants(name string) bool {
	if name == server.Name {
		return h.network.refused == nil
	}
	_, wanted := h.network.wanted[nodeOfLink(name)]
	return wanted
}

func nodeOfLink(name string) int32 {
	node, err := strconv.ParseInt(strings.TrimPrefix(name, "link-"), 10, 32)
	if err != nil {
		return -1
	}
	return int32(node)
}

func (h *host) mend(c *kit.Context, m mend) {
	switch {
	case !h.wants(m.name) || h.alivechild(c, m.name):
	case m.name == server.Name:
		h.serve(c)
	default:
		h.connect(c, nodeOfLink(m.name))
	}
}

// links is where the groups send what is for other nodes.
func (h *host) links() kit.Address {
	switch {
	case h.config.test != nil:
		return h.config.test.links
	case h.config.Network == nil:
		return kit.Address{}
	}
	return kit.AddressFor("links", h.send)
}

// alive tells whether a node can be reached. Without a network only this one is asked about.
func (h *host) alive(node int32) bool {
	if h.config.test != nil {
		return h.config.test.alive(node)
	}
	return h.config.Network == nil || h.config.Network.Peers.Alive(node)
}

// fetch is how groups fetch the state of a replica on another node; nil if there is no network.
func (h *host) fetch() catchup.Open {
	if h.config.Network == nil {
		return nil
	}
	return h.config.Network.Peers.CatchUp
}

// pull is the same for a network that has a Transport; nil otherwise.
func (h *host) pull() catchup.Pull {
	if h.config.Network == nil || !h.config.Network.Peers.HasTransport() {
		return nil
	}
	return h.config.Network.Peers.Pull
}
