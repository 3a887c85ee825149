package metadata

import (
	"slices"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
	"github.com/chronik-go/chronik/raftactor/link"
	"github.com/chronik-go/chronik/storage/datadir"
)

// Peers is what the actor needs of the links to other nodes; *link.Peers is one.
type Peers interface {
	Alive(node int32) bool
	Hello(node int32) (link.Hello, bool)
	Link(node int32) kit.Address
	Nodes() []int32
}

// Identity is what a data directory knows of how its node came to a cluster; *datadir.Dir is one.
type Identity interface {
	ID() string
	ClusterID() string
	Fresh() bool
	Founders() []datadir.Founder
	Found(founders []datadir.Founder) error
	Incarnation() uint32
	SetIncarnation(incarnation uint32) error
}

// clustered tells whether there may be other nodes.
func (a *Actor) clustered() bool { return a.options.Peers != nil }

// standing returns how far this node has come.
func (a *Actor) standing() standing {
	s := standing{
		directory:  image.TopicID(a.options.Directory).String(),
		cluster:    a.image.ClusterID(),
		configured: a.options.Configured,
		hears:      a.clustered() && a.forming.hears(a.reached()),
	}
	if s.cluster == "" {
		s.cluster = a.options.ClusterID
	}
	identity := a.options.Identity
	if identity != nil {
		s.founders = identity.Founders()
	}
	switch {
	case s.cluster != "":
		s.state = link.Member
	case len(s.founders) > 0:
		s.state = link.Founded
	case identity != nil && identity.Fresh():
		s.state = link.Fresh
	default:
		s.state = link.Member
	}
	return s
}

// reached returns the peers whose links are up, ascending.
func (a *Actor) reached() []int32 {
	return slices.DeleteFunc(a.options.Peers.Nodes(), func(node int32) bool {
		return node == a.options.NodeID || !a.options.Peers.Alive(node)
	})
}

// proclaim tells the peers how far this node has come, if that has changed.
func (a *Actor) proclaim() {
	now := a.standing()
	same := now.state == a.told.state && now.cluster == a.told.cluster && now.hears == a.told.hears
	if !a.clustered() || same {
		return
	}
	a.told = now
	if a.options.Self != nil {
		hello := a.options.Self.Hello()
		hello.State, hello.Cluster, hello.Founders = now.state, now.cluster, nil
		for _, founder := range now.founders {
			hello.Founders = append(hello.Founders, link.Founder(founder))
		}
		a.options.Self.Publish(hello)
	}
	for _, node := range a.options.Peers.Nodes() {
		a.tellStanding(node, false)
	}
}

// tellStanding tells a peer how far this node has come. It is lost if the link is down; when it comes up,
// both ask.
func (a *Actor) tellStanding(node int32, asking bool) {
	now := a.standing()
	message := &metadatapb.Standing{
		State:      metadatapb.State(now.state), // the numbers are the same
		Directory:  now.directory,
		ClusterId:  now.cluster,
		Configured: now.configured,
		Asking:     asking,
		Hears:      now.hears,
	}
	for _, founder := range now.founders {
		message.Founders = append(message.Founders, &metadatapb.Founder{
			Node: founder.Node, Directory: founder.Directory,
		})
	}
	body, err := metadatapb.EncodePeer(message)
	if err != nil {
		panic("BUG: " + err.Error()) // ids are plain text
	}
	a.options.Peers.Link(node).Tell(link.Notice{Service: link.ServiceMetadata, Body: body})
}

// onUp asks a peer how far it has come: what it said before may be out of date.
func (a *Actor) onUp(c *kit.Context, m link.Up) {
	if !a.clustered() {
		return
	}
	delete(a.forming.peers, m.Node)
	a.tellStanding(m.Node, true)
	a.proclaim()
	a.flush(c)
}

// onDown looks again: it was perhaps this peer that others were waited for.
func (a *Actor) onDown(c *kit.Context, m link.Down) {
	if !a.clustered() {
		return
	}
	delete(a.forming.peers, m.Node)
	a.proclaim()
	a.advance(c)
}

func (a *Actor) onNoticed(c *kit.Context, m link.Noticed) {
	message := &metadatapb.Standing{}
	if err := metadatapb.DecodePeer(m.Body, message); err != nil {
		c.Log().Warn().Err(err).Int32("node", m.From).Msg("peer says what this version does not understand")
		return
	}
	if !a.clustered() {
		return
	}
	told := standing{
		state:      link.State(message.GetState()),
		directory:  message.GetDirectory(),
		cluster:    message.GetClusterId(),
		configured: message.GetConfigured(),
		hears:      message.GetHears(),
	}
	for _, founder := range message.GetFounders() {
		told.founders = append(told.founders, datadir.Founder{
			Node: founder.GetNode(), Directory: founder.GetDirectory(),
		})
	}
	a.forming.peers[m.From] = told
	if message.GetAsking() {
		a.tellStanding(m.From, false)
	}
	a.proclaim()
	a.compare(c, m.From, told)
	a.advance(c)
	a.flush(c)
}

// compare says, once, that two nodes that are to found a cluster do not have the same nodes in mind.
func (a *Actor) compare(c *kit.Context, node int32, peer standing) {
	differ := a.standing().state == link.Fresh && peer.state == link.Fresh &&
		!slices.Equal(peer.configured, a.options.Configured)
	if differ && !a.differing[node] {
		c.Log().Error().Int32("node", node).Ints32("here", a.options.Configured).Ints32("there", peer.configured).
			Msg("peers are configured differently: give all nodes the same [[peers]]")
	}
	a.differing[node] = differ
}

// advance takes the step that a node with an empty directory takes next, if there is one. While a cluster may
// be taking it in, it founds no other.
func (a *Actor) advance(c *kit.Context) {
	if a.started || !a.clustered() || a.membership.underWay {
		return
	}
	next := a.forming.decide(a.reached())
	switch {
	case next.found != nil:
		if err := a.options.Identity.Found(next.found); err != nil {
			c.Log().Error().Err(err).Msg("no cluster founded")
			return
		}
		c.Log().Info().Ints32("nodes", nodesOf(next.found)).Msg("founding a cluster")
		a.startLog(c)
		a.proclaim()
	case next.join:
		a.join(c)
	case next.lost && !a.lost:
		c.Log().Warn().Msg("this node was founding a cluster and has lost its data directory: it waits for the " +
			"others to take it in; if most have lost theirs, empty the data directories of all and start again")
	}
	a.lost = next.lost
}
