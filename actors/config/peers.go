package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// mostPeers bounds the list of nodes; a longer one is a mistake.
const mostPeers = 1000

// noID is the id of an entry in a file until its key id is read.
const noID = -1

// own returns this node's entry among the peers, an empty one if there is none.
func (c *Config) own() Peer {
	for _, peer := range c.Peers {
		if peer.ID == c.NodeID {
			return peer
		}
	}
	return Peer{ID: noID}
}

// completePeers writes the addresses of the peers as HOST:PORT and checks the list.
func (c *Config) completePeers(found *problems) {
	if len(c.Peers) == 0 {
		return
	}
	if len(c.Peers) > mostPeers {
		found.add("", peersKey, fmt.Sprintf("%d nodes are listed; at most %d can be", len(c.Peers), mostPeers))
		return
	}
	c.Peers = slices.Clone(c.Peers) // the caller's stay as they are
	before := len(*found)
	for i := range c.Peers {
		c.Peers[i].complete(i, len(c.Peers) > 1, found)
	}
	if len(*found) > before {
		return // what follows would only report the same entries again
	}
	c.checkDuplicates(found)
	if c.own().ID == noID {
		ids := make([]string, len(c.Peers))
		for i, peer := range c.Peers {
			ids[i] = fmt.Sprint(peer.ID)
		}
		found.add("", "node_id",
			fmt.Sprintf("%d is not among the ids of the peers: %s", c.NodeID, strings.Join(ids, ", ")))
	}
}

// peerAddress is one of the addresses of an entry.
type peerAddress struct {
	name     string // last part of the key
	text     *string
	port     string // if none is given
	required bool   // when there are several nodes
	used     bool
}

func (p *Peer) addresses() []peerAddress {
	return []peerAddress{
		{"kafka", &p.Kafka, defaultKafkaPort, true, true},
		{"wal", &p.WAL, defaultWALPort, false, false},
		{"raft", &p.Raft, defaultRaftPort, true, true},
	}
}

// complete writes the addresses of the entry at a position of the list as HOST:PORT. An entry that stands
// alone may leave them out: there is nobody to tell them.
func (p *Peer) complete(position int, several bool, found *problems) {
	if p.ID < 0 {
		found.add("", "peers.id",
			fmt.Sprintf("entry %d has no id; give it a number of its own, 0 or more", position+1))
		return
	}
	for _, address := range p.addresses() {
		reason := address.complete(several)
		if reason != "" {
			found.add("", "peers."+address.name, fmt.Sprintf("node %d: %s", p.ID, reason))
		}
	}
}

// complete returns what is wrong with the address, empty if nothing is.
func (a peerAddress) complete(several bool) (reason string) {
	if strings.TrimSpace(*a.text) == "" {
		*a.text = ""
		if several && a.required {
			return "is missing; give the HOST:PORT that others connect to"
		}
		return ""
	}
	complete, err := hostPort(*a.text, "", a.port)
	if err != nil {
		return err.Error()
	}
	*a.text = complete
	host, port, _ := net.SplitHostPort(complete) // hostPort just made it
	switch {
	case !a.used:
	case host == "":
		return fmt.Sprintf("%q has no host; others need one they can connect to", complete)
	case wildcard(host):
		return host + " is an address to listen on; others need one they can connect to"
	case several && port == "0" && a.name == "raft":
		return "port 0 takes a free one, which the other nodes could not know"
	}
	return ""
}

// checkDuplicates reports ids and addresses that two entries share. Port 0 is no address yet.
func (c *Config) checkDuplicates(found *problems) {
	ids := make(map[int32]bool)
	owners := make(map[string]string)
	for i := range c.Peers {
		peer := &c.Peers[i]
		if ids[peer.ID] {
			found.add("", "peers.id", fmt.Sprintf("%d stands at two entries", peer.ID))
			continue
		}
		ids[peer.ID] = true
		for _, address := range peer.addresses() {
			key := strings.ToLower(*address.text)
			if key == "" || portOf(key, "0") == "0" {
				continue
			}
			if owner, taken := owners[key]; taken {
				found.add("", "peers."+address.name,
					fmt.Sprintf("node %d: %s is %s too", peer.ID, *address.text, owner))
				continue
			}
			owners[key] = fmt.Sprintf("the %s address of node %d", address.name, peer.ID)
		}
	}
}

// parsePeers reads CHRONIK_CLUSTER_PEERS: host:kafka:wal:raft with ids by position, separated by commas. An
// IPv6 host stands in brackets.
func parsePeers(text string) ([]Peer, error) {
	var peers []Peer
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		host, rest := "", entry
		if end := strings.Index(entry, "]:"); strings.HasPrefix(entry, "[") && end > 0 {
			host, rest = entry[1:end], entry[end+1:]
		}
		parts := strings.Split(rest, ":")
		if host != "" {
			parts[0] = host // was the empty text between the bracket and the first port
		}
		if len(parts) != 4 || slices.Contains(parts, "") {
			return nil, fmt.Errorf("%q is not host:kafka:wal:raft", entry)
		}
		peers = append(peers, Peer{
			ID:    int32(len(peers) + 1),
			Kafka: net.JoinHostPort(parts[0], parts[1]),
			WAL:   net.JoinHostPort(parts[0], parts[2]),
			Raft:  net.JoinHostPort(parts[0], parts[3]),
		})
	}
	return peers, nil
}
