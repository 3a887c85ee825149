package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const (
	defaultKafkaPort = "9092"
	defaultWALPort   = "9291"
	defaultRaftPort  = "5001"
	// metricsPortBase and the node id make the port of the HTTP listener, so that several nodes on one
	// machine do not meet.
	metricsPortBase = 10000
	// off is the address of a listener that is not wanted.
	off = "off"
)

// Complete fills in what follows from other settings and validates the whole: afterwards Bind.Kafka,
// Advertise.Kafka and the addresses of peers are HOST:PORT; Bind.Metrics is too or empty for switched off;
// Bind.Raft and Advertise.Raft are too or empty for a node that no other can join. An advertised port of 0
// stands for the port that the listener really got. It changes nothing when called again.
func (c *Config) Complete() (notes []string, err error) {
	var found problems
	if !c.Enabled {
		notes = c.leaveCluster()
	}
	c.completePeers(&found)
	c.completeReplication()
	c.completeBind(&found)
	notes = append(notes, c.completeAdvertise(&found)...)
	c.completeRaft(&found)
	c.validate(&found)
	if len(found) > 0 {
		return notes, &Error{Problems: found}
	}
	return notes, nil
}

// leaveCluster turns the configuration of a cluster's node into that of a node by itself.
func (c *Config) leaveCluster() (notes []string) {
	if len(c.Peers) > 1 && (c.ReplicationFactor > 1 || c.MinInsyncReplicas > 1) {
		c.ReplicationFactor, c.MinInsyncReplicas = 1, 1
		notes = append(notes, "replication_factor and min_insync_replicas are 1, "+
			"since enabled = false leaves one node")
	}
	c.Groups.OffsetsReplication = min(c.Groups.OffsetsReplication, 1)
	c.Transactions.StateReplication = min(c.Transactions.StateReplication, 1)
	c.Peers, c.Bind.Raft, c.Advertise.Raft = nil, "", ""
	return notes
}

// Values of settings that follow from the number of nodes.
const (
	usualReplication = 3
	usualInsync      = 2 // with that many copies: one may fail and nothing acknowledged is on one disk alone
)

func (c *Config) completeReplication() {
	if c.ReplicationFactor == 0 {
		c.ReplicationFactor = int16(min(usualReplication, max(1, len(c.Peers))))
	}
	if c.Groups.OffsetsReplication == 0 {
		c.Groups.OffsetsReplication = int32(min(usualReplication, max(1, len(c.Peers))))
	}
	if c.Transactions.StateReplication == 0 {
		c.Transactions.StateReplication = int32(min(usualReplication, max(1, len(c.Peers))))
	}
	if c.MinInsyncReplicas == 0 {
		c.MinInsyncReplicas = 1
		if c.ReplicationFactor >= usualReplication {
			c.MinInsyncReplicas = usualInsync
		}
	}
}

func (c *Config) completeBind(found *problems) {
	kafka, err := hostPort(c.Bind.Kafka, "0.0.0.0", portOf(c.own().Kafka, defaultKafkaPort))
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
	if c.Advertise.Kafka == "" {
		c.Advertise.Kafka = c.own().Kafka
	}
	given := c.Advertise.Kafka != ""
	advertised, err := hostPort(c.Advertise.Kafka, reachable(bindHost), bindPort)
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

// completeRaft finds the addresses of the listener for other nodes. A node that lists no peer and names no
// address has none: nobody could be told about it.
func (c *Config) completeRaft(found *problems) {
	bindHost, _, err := net.SplitHostPort(c.Bind.Kafka)
	if err != nil {
		return // reported by completeBind
	}
	own := c.own().Raft
	if c.Bind.Raft == "" && own == "" {
		c.Advertise.Raft = ""
		return
	}
	bound, err := hostPort(c.Bind.Raft, bindHost, portOf(own, defaultRaftPort))
	if err != nil {
		found.add("", "bind.raft", err.Error())
		return
	}
	c.Bind.Raft = bound
	if c.Advertise.Raft == "" {
		c.Advertise.Raft = own
	}
	bindHost, bindPort, _ := net.SplitHostPort(bound) // hostPort just made it
	advertised, err := hostPort(c.Advertise.Raft, reachable(bindHost), bindPort)
	if err != nil {
		found.add("", "advertise.raft", err.Error())
		return
	}
	if host, _, _ := net.SplitHostPort(advertised); wildcard(host) {
		found.add("", "advertise.raft", host+" is an address to listen on; others need one they can connect to")
	}
	c.Advertise.Raft = advertised
}

func wildcard(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "" || err == nil && address.IsUnspecified()
}

// reachable is the host to tell others when host is listened on and nothing else is known.
func reachable(host string) string {
	if wildcard(host) {
		return "localhost"
	}
	return host
}

// portOf returns the port of a HOST:PORT, and without one the other.
func portOf(address, other string) string {
	if _, port, err := net.SplitHostPort(address); err == nil {
		return port
	}
	return other
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
