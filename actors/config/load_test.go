package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string, environ []string, flags map[string]string) (Config, []string) {
	t.Helper()
	c, notes, err := Load(Source{Path: "chronik.toml", Text: []byte(text), Environ: environ, Flags: flags})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return c, notes
}

func TestNothingGivenIsAWorkingNode(t *testing.T) {
	c, notes, err := Load(Source{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Bind.Kafka != "0.0.0.0:9092" || c.Advertise.Kafka != "localhost:9092" || c.Bind.Metrics != "127.0.0.1:10001" {
		t.Errorf("addresses: %q %q %q", c.Bind.Kafka, c.Advertise.Kafka, c.Bind.Metrics)
	}
	if c.DataDir != "./data" || c.NodeID != 1 || !c.Topics.AutoCreate || c.Limits.ProduceTime != 10*time.Second {
		t.Errorf("defaults: %+v", c)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "clients are told localhost") {
		t.Errorf("notes: %q", notes)
	}
}

func TestFlagsWinOverEnvironmentWinsOverFile(t *testing.T) {
	text := "node_id = 3\ndata_dir = \"/file\"\nlog_level = \"debug\"\n[log]\nsegment_bytes = 1_048_576\nretention_time = \"3d\"\n"
	environ := []string{"CHRONIK_DATA_DIR=/environment", "CHRONIK_LOG_LEVEL=warn", "CHRONIK_LOG_SEGMENT_BYTES=2MiB", "PATH=/bin"}
	c, _ := load(t, text, environ, map[string]string{"log_level": "error"})
	if c.NodeID != 3 || c.DataDir != "/environment" || c.LogLevel != "error" {
		t.Errorf("got node %d, %q, %q", c.NodeID, c.DataDir, c.LogLevel)
	}
	if c.Log.SegmentBytes != 2<<20 || c.Log.RetentionTime != 72*time.Hour || c.Bind.Metrics != "127.0.0.1:10003" {
		t.Errorf("got %+v, HTTP at %q", c.Log, c.Bind.Metrics)
	}
}

func TestEveryWayToWriteAFile(t *testing.T) {
	for name, text := range map[string]string{
		"tables":        "[bind]\nkafka = '127.0.0.1:0'\n[admin]\npprof = true\n",
		"dotted keys":   "bind.kafka = '127.0.0.1:0'\nadmin.pprof = true\n",
		"inline tables": "bind = {kafka = '127.0.0.1:0'}\nadmin = {pprof = true}\n",
		"with a peer":   "bind.kafka = '127.0.0.1:0'\nadmin.pprof = true\n[[peers]]\nid = 1\nkafka = '127.0.0.1:0'\nwal = 'x:1'\nraft = 'x:2'\n",
		"inline peers":  "bind.kafka = '127.0.0.1:0'\nadmin.pprof = true\npeers = [{id = 1, kafka = '127.0.0.1:0'}]\n",
	} {
		c, _ := load(t, text, nil, nil)
		if c.Bind.Kafka != "127.0.0.1:0" || !c.Admin.Pprof || c.Advertise.Kafka != "127.0.0.1:0" {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct{ bind, advertise, port, wantBind, wantAdvertise string }{
		{"127.0.0.1", "", "", "127.0.0.1:9092", "127.0.0.1:9092"},
		{":19092", "", "", "0.0.0.0:19092", "localhost:19092"},
		{"0.0.0.0:0", "broker.example", "", "0.0.0.0:0", "broker.example:0"},
		{"", "broker.example:7777", "", "0.0.0.0:9092", "broker.example:7777"},
		{"", "broker.example:7777", "8888", "0.0.0.0:9092", "broker.example:8888"},
		{"::1", "", "", "[::1]:9092", "[::1]:9092"},
		{"[::]:9000", "", "", "[::]:9000", "localhost:9000"},
	} {
		environ := []string{"CHRONIK_BIND=" + test.bind, "CHRONIK_ADVERTISED_ADDR=" + test.advertise, "CHRONIK_ADVERTISED_PORT=" + test.port}
		c, _ := load(t, "", environ, nil)
		if c.Bind.Kafka != test.wantBind || c.Advertise.Kafka != test.wantAdvertise {
			t.Errorf("%+v: got %q and %q", test, c.Bind.Kafka, c.Advertise.Kafka)
		}
	}
}

func TestEveryProblemNamesKeyReasonAndLine(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"\nnode_idd = 1", "chronik.toml:2: node_idd: is not a setting; did you mean node_id?"},
		{"[log]\n\nsegmnet_bytes = 1", "chronik.toml:3: log.segmnet_bytes: is not a setting; did you mean log.segment_bytes?"},
		{"segment_bytes = 1", "chronik.toml:1: segment_bytes: is not a setting; did you mean log.segment_bytes?"},
		{"[bindd]\nkafka = 'x'", "chronik.toml:1: bindd: is not a setting; did you mean bind?"},
		{"[[peers]]\nid = 1\nkakfa = 'x'", "chronik.toml:3: peers.kakfa: is not a setting; did you mean peers.kafka?"},
		{"wholly_unlike = 1", "chronik.toml:1: wholly_unlike: is not a setting"},
		{"node_id = 'one'", "chronik.toml:1: node_id: takes a number, not a TOML string"},
		{"node_id = 99999999999", "chronik.toml:1: node_id: \"99999999999\" is not a whole number of at most 32 bits"},
		{"[log]\nretention_time = 5", "chronik.toml:2: log.retention_time: takes a duration, not a TOML integer"},
		{"[log]\nretention_time = '5 parsecs'", "chronik.toml:2: log.retention_time: \"5 parsecs\" is not a duration; write 500ms, 30s, 1h30m, 7d or unlimited"},
		{"[log]\nsegment_bytes = '5 bushels'", "chronik.toml:2: log.segment_bytes: \"5 bushels\" is not a size; write 1048576, 64MiB, 10GB or unlimited"},
		{"node_id = 1\nnode_id = 2", "chronik.toml:2: key node_id is already defined"},
		{"[bind", "chronik.toml:1: expected ']' to close table name"},
		{"peers = 3", "chronik.toml:1: peers: is a list; begin each entry with [[peers]]"},
		{"bind = 3", "chronik.toml:1: bind: is a table; write [bind]"},
		{"nothing.like.it = 3", "chronik.toml:1: nothing.like.it: is not a setting"},
		{"[[bind]]\nkafka = 'x'", "chronik.toml:1: bind: is no list; write [bind]"},
		{"node_id = -1", "node_id: -1 is not between 0 and 2147483647"},
		{"node_id = 60000", "bind.metrics: node id 60000 leaves no default port; set one"},
		{"log_level = 'loud'", "log_level: \"loud\" is not one of trace, debug, info, warn, error"},
		{"replication_factor = 3", "replication_factor: 3 is more than the number of nodes, 1"},
		{"min_insync_replicas = 2", "min_insync_replicas: 2 is more than replication_factor, 1"},
		{"[bind]\nkafka = 'a:b:c'", "bind.kafka: \"a:b:c\" is not HOST, HOST:PORT or :PORT"},
		{"[bind]\nkafka = '..0.00]'", "bind.kafka: \"..0.00]\" is not HOST, HOST:PORT or :PORT"},
		{"[bind]\nkafka = 'a b:1'", "bind.kafka: \"a b:1\" is not HOST, HOST:PORT or :PORT"},
		{"[bind]\nkafka = 'a:70000'", "bind.kafka: \"a:70000\" has no port between 0 and 65535"},
		{"[advertise]\nkafka = '0.0.0.0'", "advertise.kafka: 0.0.0.0 is an address to listen on; clients need one they can connect to"},
		{"[limits]\nproduce_time = 'unlimited'", "limits.produce_time: has to end; unlimited is not possible here"},
		{"[limits]\nproduce_time = '1us'", "limits.produce_time: 1µs is shorter than 1ms"},
		{"[limits]\nrequest_memory = '1MiB'", "limits.connection_memory: 128MiB is more than limits.request_memory, 1MiB"},
		{"[[peers]]\nid = 2", "node_id: 1 is not among the ids of the peers: 2"},
		{"[peer_tls]\ncert = 'x'\nca = 'y'", "peer_tls.key: is missing; [peer_tls] takes cert, key and ca together"},
		{"[limits]\ncatchups = 0", "limits.catchups: 0 is not between 1 and 1000"},
		{"rack = '" + strings.Repeat("r", 300) + "'", "rack: has 300 bytes; at most 255 can be"},
	} {
		_, _, err := Load(Source{Path: "chronik.toml", Text: []byte(test.text)})
		var problems *Error
		if !errors.As(err, &problems) || problems.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, _, err := Load(Source{Path: "f", Text: []byte("a = 1\nb = 2\n"), Environ: []string{"CHRONIK_NODE_ID=x"}, Flags: map[string]string{"node_id": "y"}})
	var problems *Error
	if !errors.As(err, &problems) || len(problems.Problems) != 4 {
		t.Errorf("got %v", err)
	}
}

func TestNonsenseIsRefusedInNoTime(t *testing.T) {
	for name, text := range map[string]string{
		"many keys":     strings.Repeat("[[peers]]\nidd = 1\n", 50_000),
		"a long key":    strings.Repeat("k", 900_000) + " = 1",
		"a large file":  "# " + strings.Repeat("x", 2<<20),
		"many dots":     strings.Repeat("a.", 100_000) + "a = 1",
		"deep brackets": "a = " + strings.Repeat("[", 500_000),
	} {
		begun := time.Now()
		_, _, err := Load(Source{Path: "f", Text: []byte(text)})
		var problems *Error
		if !errors.As(err, &problems) || len(problems.Problems) > mostProblems {
			t.Errorf("%s: got %.300v", name, err)
		}
		if took := time.Since(begun); took > 30*time.Second { // on a busy machine; quadratic work takes minutes
			t.Errorf("%s: took %s", name, took)
		}
	}
}

func TestASlipInTheEnvironmentIsNoted(t *testing.T) {
	_, notes := load(t, "", []string{"CHRONIK_DATADIR=/x", "CHRONIK_SERVICE_HOST=10.0.0.1", "CHRONIK_BIND=127.0.0.1"}, nil)
	if len(notes) != 1 || !strings.Contains(notes[0], "did you mean CHRONIK_DATA_DIR?") {
		t.Errorf("notes: %q", notes)
	}
}

func TestHTTPCanBeSwitchedOff(t *testing.T) {
	c, _ := load(t, "[bind]\nmetrics = 'off'\n", nil, nil)
	if c.Bind.Metrics != "" {
		t.Errorf("got %q", c.Bind.Metrics)
	}
}

func TestPath(t *testing.T) {
	if got := Path([]string{"A=b", "CHRONIK_CONFIG=/etc/chronik.toml"}); got != "/etc/chronik.toml" {
		t.Errorf("got %q", got)
	}
}
