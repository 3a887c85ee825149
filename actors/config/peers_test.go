package config

import (
	"strings"
	"testing"
)

// three is the list of a cluster on one machine.
const three = `
[[peers]]
id = 1
kafka = "localhost:9092"
wal = "localhost:9291"
raft = "localhost:5001"
[[peers]]
id = 2
kafka = "localhost:9093"
wal = "localhost:9292"
raft = "localhost:5002"
[[peers]]
id = 3
kafka = "localhost:9094"
wal = "localhost:9293"
raft = "localhost:5003"
`

func TestTheNodesOfAClusterFindTheirAddressesAmongThePeers(t *testing.T) {
	c, notes := load(t, "node_id = 2\n"+three, nil, nil)
	if c.Bind.Kafka != "0.0.0.0:9093" || c.Advertise.Kafka != "localhost:9093" || c.Bind.Metrics != "127.0.0.1:10002" {
		t.Errorf("Kafka at %q as %q, HTTP at %q", c.Bind.Kafka, c.Advertise.Kafka, c.Bind.Metrics)
	}
	if c.Bind.Raft != "0.0.0.0:5002" || c.Advertise.Raft != "localhost:5002" {
		t.Errorf("Raft at %q as %q", c.Bind.Raft, c.Advertise.Raft)
	}
	if c.ReplicationFactor != 3 || c.MinInsyncReplicas != 2 {
		t.Errorf("replication %d, %d in sync", c.ReplicationFactor, c.MinInsyncReplicas)
	}
	if len(notes) != 0 {
		t.Errorf("notes: %q", notes)
	}
}

func TestTheSameClusterFromTheEnvironment(t *testing.T) {
	environ := []string{"CHRONIK_NODE_ID=3", "CHRONIK_RACK=c", "CHRONIK_MIN_INSYNC_REPLICAS=1",
		"CHRONIK_CLUSTER_PEERS=alpha:9092:9291:5001, beta:9093:9292:5002,[fd00::3]:9094:9293:5003"}
	c, _ := load(t, "", environ, nil)
	want := []Peer{
		{1, "alpha:9092", "alpha:9291", "alpha:5001"},
		{2, "beta:9093", "beta:9292", "beta:5002"},
		{3, "[fd00::3]:9094", "[fd00::3]:9293", "[fd00::3]:5003"},
	}
	for i := range want {
		if c.Peers[i] != want[i] {
			t.Errorf("got %+v, want %+v", c.Peers[i], want[i])
		}
	}
	if c.Bind.Raft != "0.0.0.0:5003" || c.Advertise.Raft != "[fd00::3]:5003" || c.Rack != "c" || c.MinInsyncReplicas != 1 {
		t.Errorf("got %+v, %+v, rack %q, %d in sync", c.Bind, c.Advertise, c.Rack, c.MinInsyncReplicas)
	}
	for _, text := range []string{"alpha:9092", "a:1:2:3:4", "a::2:3", "[::1]:1:2", ":1:2:3", ","} {
		if _, _, err := Load(Source{Environ: []string{"CHRONIK_CLUSTER_PEERS=" + text}}); err == nil ||
			!strings.Contains(err.Error(), "environment CHRONIK_CLUSTER_PEERS: peers: ") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestTheFileWinsOverThePeersOfTheEnvironment(t *testing.T) {
	c, _ := load(t, three, []string{"CHRONIK_CLUSTER_PEERS=alpha:9092:9291:5001"}, nil)
	if len(c.Peers) != 3 || c.Peers[0].Kafka != "localhost:9092" {
		t.Errorf("got %+v", c.Peers)
	}
}

func TestHowManyCopiesThereAreByDefault(t *testing.T) {
	two := strings.Join(strings.Split(three, "[[peers]]")[:3], "[[peers]]")
	five := three + "[[peers]]\nid = 4\nkafka = 'd'\nraft = 'd'\n[[peers]]\nid = 5\nkafka = 'e'\nraft = 'e'\n"
	for _, test := range []struct {
		text           string
		copies, insync int16
	}{
		{"", 1, 1}, {two, 2, 1}, {three, 3, 2}, {five, 3, 2},
		{"replication_factor = 1\n" + three, 1, 1},
		{"replication_factor = 2\n" + three, 2, 1},
		{"replication_factor = 5\n" + five, 5, 2},
		{"min_insync_replicas = 3\n" + three, 3, 3},
	} {
		c, _ := load(t, test.text, nil, nil)
		if c.ReplicationFactor != test.copies || c.MinInsyncReplicas != test.insync {
			t.Errorf("%.40q with %d nodes: %d copies, %d in sync, want %d, %d", test.text, len(c.Peers),
				c.ReplicationFactor, c.MinInsyncReplicas, test.copies, test.insync)
		}
	}
}

func TestWhereOtherNodesConnectTo(t *testing.T) {
	alone := "[[peers]]\nid = 1\n"
	for _, test := range []struct{ text, bind, advertise string }{
		{"", "", ""},
		{alone, "", ""},
		{"advertise.raft = 'x:1'", "", ""}, // without a listener there is nothing to tell
		{alone + "raft = 'alpha:6000'", "0.0.0.0:6000", "alpha:6000"},
		{"bind.kafka = '127.0.0.1'\n" + alone + "raft = 'alpha'", "127.0.0.1:5001", "alpha:5001"},
		{"bind.raft = '127.0.0.1:0'", "127.0.0.1:0", "127.0.0.1:0"},
		{"bind.raft = ':7000'", "0.0.0.0:7000", "localhost:7000"},
		{"bind.raft = '10.0.0.1'\nadvertise.raft = 'nat.example'\n" + alone + "raft = 'alpha:6000'", "10.0.0.1:6000", "nat.example:6000"},
	} {
		c, _ := load(t, test.text, nil, nil)
		if c.Bind.Raft != test.bind || c.Advertise.Raft != test.advertise {
			t.Errorf("%q: bound at %q, told %q", test.text, c.Bind.Raft, c.Advertise.Raft)
		}
	}
}

func TestAClusterThatCannotWorkIsRefused(t *testing.T) {
	entry := func(lines string) string { return "[[peers]]\n" + lines + "\n" }
	first, second := entry("id = 1\nkafka = 'a:1'\nraft = 'a:2'"), "id = 2\nkafka = 'b:1'\nraft = 'b:2'"
	for name, test := range map[string]struct{ text, want string }{
		"foreign node id":  {"node_id = 7\n" + three, "node_id: 7 is not among the ids of the peers: 1, 2, 3"},
		"copies":           {"replication_factor = 4\n" + three, "replication_factor: 4 is more than the number of nodes, 3"},
		"in sync":          {"min_insync_replicas = 4\n" + three, "min_insync_replicas: 4 is more than replication_factor, 3"},
		"in sync of fewer": {"replication_factor = 1\nmin_insync_replicas = 2\n" + three, "min_insync_replicas: 2 is more than replication_factor, 1"},
		"negative copies":  {"replication_factor = -1\n" + three, "replication_factor: -1 is not between 1 and 32767"},
		"same id":          {first + entry("id = 1\nkafka = 'b:1'\nraft = 'b:2'"), "peers.id: 1 stands at two entries"},
		"no id":            {first + entry("kafka = 'b:1'\nraft = 'b:2'"), "peers.id: entry 2 has no id; give it a number of its own, 0 or more"},
		"same kafka":       {first + entry("id = 2\nkafka = 'A:1'\nraft = 'b:2'"), "peers.kafka: node 2: A:1 is the kafka address of node 1 too"},
		"same raft":        {first + entry("id = 2\nkafka = 'b:1'\nraft = 'a:2'"), "peers.raft: node 2: a:2 is the raft address of node 1 too"},
		"same wal":         {first + entry(second+"\nwal = 'a:2'"), "peers.wal: node 2: a:2 is the raft address of node 1 too"},
		"one of all":       {first + entry("id = 2\nkafka = 'b:1'\nraft = 'b:1'"), "peers.raft: node 2: b:1 is the kafka address of node 2 too"},
		"no raft":          {first + entry("id = 2\nkafka = 'b:1'"), "peers.raft: node 2: is missing; give the HOST:PORT that others connect to"},
		"no kafka":         {first + entry("id = 2\nraft = 'b:1'"), "peers.kafka: node 2: is missing; give the HOST:PORT that others connect to"},
		"wildcard":         {first + entry("id = 2\nkafka = 'b:1'\nraft = '0.0.0.0:1'"), "peers.raft: node 2: 0.0.0.0 is an address to listen on; others need one they can connect to"},
		"no host":          {first + entry("id = 2\nkafka = ':9093'\nraft = 'b:1'"), "peers.kafka: node 2: \":9093\" has no host; others need one they can connect to"},
		"any port":         {first + entry("id = 2\nkafka = 'b:1'\nraft = 'b:0'"), "peers.raft: node 2: port 0 takes a free one, which the other nodes could not know"},
		"bad address":      {first + entry("id = 2\nkafka = 'b:1:2'\nraft = 'b:1'"), "peers.kafka: node 2: \"b:1:2\" is not HOST, HOST:PORT or :PORT"},
		"wildcard told":    {"advertise.raft = '::'\n" + three, "advertise.raft: :: is an address to listen on; others need one they can connect to"},
		"bad raft address": {"bind.raft = 'a b'\n" + three, "bind.raft: \"a b\" is not HOST, HOST:PORT or :PORT"},
		"large batches":    {"limits.peer_queue = '1MiB'\nlog.max_message_bytes = '2MiB'\n" + three, "log.max_message_bytes: 2MiB is more than limits.peer_queue, 1MiB"},
		"too many":         {strings.Repeat("[[peers]]\n", 1001), "peers: 1001 nodes are listed; at most 1000 can be"},
	} {
		_, _, err := Load(Source{Path: "chronik.toml", Text: []byte(test.text)})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, test.want)
		}
	}
}

func TestEnabledFalseStartsANodeByItself(t *testing.T) {
	text := "enabled = false\nreplication_factor = 3\nmin_insync_replicas = 2\nbind.raft = ':5001'\n" + three
	c, notes := load(t, text, nil, nil)
	if len(c.Peers) != 0 || c.Bind.Raft != "" || c.Advertise.Raft != "" || c.ReplicationFactor != 1 || c.MinInsyncReplicas != 1 {
		t.Errorf("got %+v", c)
	}
	if c.Bind.Kafka != "0.0.0.0:9092" || !strings.Contains(strings.Join(notes, "\n"), "enabled = false leaves one node") {
		t.Errorf("Kafka at %q, notes %q", c.Bind.Kafka, notes)
	}
}

func TestCompletingLeavesTheCallersPeersAlone(t *testing.T) {
	given := Default()
	if given.ReplicationFactor != 1 || given.MinInsyncReplicas != 1 {
		t.Errorf("a node by itself makes %d copies, %d in sync", given.ReplicationFactor, given.MinInsyncReplicas)
	}
	given.Peers = []Peer{{ID: 1, Kafka: "alpha", Raft: "alpha"}}
	completed := given
	if _, err := completed.Complete(); err != nil {
		t.Fatal(err)
	}
	if given.Peers[0].Kafka != "alpha" || completed.Peers[0].Kafka != "alpha:9092" {
		t.Errorf("got %+v and %+v", given.Peers, completed.Peers)
	}
}
