package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultKafkaPort = "9092"
	// metricsPortBase and the node id make the port of the HTTP listener, so that several nodes on one
	// machine do not meet.
	metricsPortBase = 10000
	// off is the address of a listener that is not wanted.
	off = "off"
)

// Complete fills in what follows from other settings and validates the whole: afterwards Bind.Kafka and
// Advertise.Kafka are HOST:PORT, and Bind.Metrics is too or empty for switched off. An advertised port of
// 0 stands for the port that the listener really got. It changes nothing when called again.
func (c *Config) Complete() (notes []string, err error) {
	var found problems
	if !c.Enabled {
		c.Peers = nil
	}
	c.completePeers(&found)
	c.completeBind(&found)
	notes = c.completeAdvertise(&found)
	c.validate(&found)
	if len(found) > 0 {
		return notes, &Error{Problems: found}
	}
	return notes, nil
}

func (c *Config) completePeers(found *problems) {
	switch {
	case len(c.Peers) > 1:
		found.add("", peersKey, fmt.Sprintf("%d nodes are listed, and this version runs one; "+
			"keep only the entry of node_id, or set enabled = false to ignore the list", len(c.Peers)))
	case len(c.Peers) == 1 && c.Peers[0].ID != c.NodeID:
		found.add("", "node_id",
			fmt.Sprintf("%d is not among the peers; the only one is %d", c.NodeID, c.Peers[0].ID))
	case len(c.Peers) == 1 && c.Advertise.Kafka == "":
		c.Advertise.Kafka = c.Peers[0].Kafka
	}
}

func (c *Config) completeBind(found *problems) {
	kafka, err := hostPort(c.Bind.Kafka, "0.0.0.0", defaultKafkaPort)
	if err != nil {
		found.add("", "bind.kafka", err.Error())
	}
	c.Bind.Kafka = kafka
	if c.Bind.Metrics == off {
		c.Bind.Metrics = ""
		return
	}
	port := int64(metricsPortBase) + int64(c.NodeID)
	if c.Bind.Metrics == "" && port > math.MaxUint16 {
		found.add("", "bind.metrics", fmt.Sprintf("node id %d leaves no default port; set one", c.NodeID))
		return
	}
	metrics, err := hostPort(c.Bind.Metrics, "127.0.0.1", strconv.FormatInt(port, 10))
	if err != nil {
		found.add("", "bind.metrics", err.Error())
	}
	c.Bind.Metrics = metrics
}

func (c *Config) completeAdvertise(found *problems) (notes []string) {
	bindHost, bindPort, err := net.SplitHostPort(c.Bind.Kafka)
	if err != nil {
		return nil // reported by completeBind
	}
	host, given := bindHost, c.Advertise.Kafka != ""
	if wildcard(bindHost) {
		host = "localhost"
	}
	advertised, err := hostPort(c.Advertise.Kafka, host, bindPort)
	if err != nil {
		found.add("", "advertise.kafka", err.Error())
		return nil
	}
	host, port, _ := net.SplitHostPort(advertised) // hostPort just made it
	if c.Advertise.KafkaPort != 0 {
		port = strconv.Itoa(int(c.Advertise.KafkaPort))
	}
	if wildcard(host) {
		found.add("", "advertise.kafka", host+" is an address to listen on; clients need one they can connect to")
	}
	c.Advertise.Kafka = net.JoinHostPort(host, port)
	if !given && wildcard(bindHost) {
		notes = append(notes, "clients are told localhost; "+
			"set advertise.kafka or --advertise for clients on other machines")
	}
	return notes
}

func wildcard(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || err == nil && address.IsUnspecified()
}

// hostPort reads HOST, HOST:PORT, :PORT, [IPv6] or [IPv6]:PORT and fills in what is not given.
func hostPort(text, host, port string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return net.JoinHostPort(host, port), nil
	}
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
	}
	if validHost(bare) { // an address, IPv6 included, or a name without a port
		return net.JoinHostPort(bare, port), nil
	}
	givenHost, givenPort, err := net.SplitHostPort(text)
	if err != nil || givenHost != "" && !validHost(givenHost) {
		return "", fmt.Errorf("%q is not HOST, HOST:PORT or :PORT", text)
	}
	number, err := strconv.ParseUint(givenPort, 10, 16)
	if err != nil {
		return "", fmt.Errorf("%q has no port between 0 and %d", text, math.MaxUint16)
	}
	if givenHost != "" {
		host = givenHost
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// longestName is the longest name that DNS knows.
const longestName = 253

// validHost tells whether text is an IP address or could be the name of a host.
func validHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	for _, r := range text {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune(".-_", r) {
			return false
		}
	}
	return text != "" && len(text) <= longestName
}

// parsePeers reads CHRONIK_CLUSTER_PEERS: host:kafka:wal:raft with ids by position, separated by commas.
func parsePeers(text string) ([]Peer, error) {
	var peers []Peer
	for entry := range strings.SplitSeq(text, ",") {
		parts := strings.Split(strings.TrimSpace(entry), ":")
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
