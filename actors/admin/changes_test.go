package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func post(h http.Handler, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:5"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestChangesReachTheClusterAsTheyWereAsked(t *testing.T) {
	o := options()
	var got any
	o.Change = func(_ context.Context, change any) error { got = change; return nil }
	h := newHandler(o)
	for _, test := range []struct {
		path, body, message string
		want                any
	}{
		{"/admin/add-node", `{"node_id": 4, "kafka_addr": "d:9092", "wal_addr": "d:9291", "raft_addr": "[::1]:5001"}`,
			"node 4 may join; start it", AddNode{ID: 4, Kafka: "d:9092", WAL: "d:9291", Raft: "[::1]:5001"}},
		{"/admin/add-node", `{"node_id": 0, "kafka_addr": "d:9092", "raft_addr": "d:5001"}`,
			"node 0 may join", AddNode{Kafka: "d:9092", Raft: "d:5001"}},
		{"/admin/remove-node", `{"node_id": 4}`, "node 4 has left", RemoveNode{ID: 4}},
		{"/admin/remove-node", `{"node_id": 4, "force": true}`, "node 4 has left", RemoveNode{ID: 4, Force: true}},
		{"/admin/rebalance", "", "spread", Rebalance{}},
	} {
		got = nil
		w := post(h, test.path, test.body)
		var answer Changed
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusOK || !answer.Success || !strings.Contains(answer.Message, test.message) || got != test.want {
			t.Errorf("%s %s: %d %s, asked for %+v", test.path, test.body, w.Code, w.Body, got)
		}
	}
}

func TestAChangeThatCannotBeReadIsRefused(t *testing.T) {
	o := options()
	o.Change = func(_ context.Context, change any) error { return fmt.Errorf("got %+v", change) }
	h := newHandler(o)
	for body, want := range map[string]string{
		"":                                      "EOF",
		"[]":                                    "cannot unmarshal",
		`{"node_id": "x"}`:                      "cannot unmarshal",
		`{"node_id": 1, "forced": true}`:        `unknown field \"forced\"`,
		`{"node_id": 99999999999}`:              "cannot unmarshal",
		`{"node_id": 1} {}`:                     "something follows",
		`{}`:                                    "node_id: is missing or negative",
		`{"node_id": -2}`:                       "node_id: is missing or negative",
		strings.Repeat(" ", changeBytes) + "{}": "too large",
	} {
		if w := post(h, "/admin/remove-node", body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.40q: %d %s", body, w.Code, w.Body)
		}
	}
	for addresses, want := range map[string]string{
		`"kafka_addr": "d:9092"`:                                             `raft_addr: \"\" is not HOST:PORT`,
		`"kafka_addr": "d", "raft_addr": "d:1"`:                              `kafka_addr: \"d\" is not HOST:PORT`,
		`"kafka_addr": ":1", "raft_addr": "d:1"`:                             `kafka_addr: \":1\" is not HOST:PORT`,
		`"kafka_addr": "d:1", "raft_addr": "d:0"`:                            `raft_addr: \"d:0\" has no port between 1 and 65535`,
		`"kafka_addr": "d:1", "raft_addr": "d:2", "wal_addr": "d:seventeen"`: `wal_addr: \"d:seventeen\" has no port`,
	} {
		w := post(h, "/admin/add-node", `{"node_id": 4, `+addresses+"}")
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", addresses, w.Code, w.Body)
		}
	}
}

func TestHowAChangeWentIsInTheStatus(t *testing.T) {
	for _, test := range []struct {
		err     error
		status  int
		success bool
		message string
	}{
		{nil, http.StatusOK, true, "node 4 has left"},
		{fmt.Errorf("%w: 7 replicas are left", ErrUnderWay), http.StatusAccepted, true, "under way: 7 replicas are left"},
		{errors.New("node 4 is not registered"), http.StatusConflict, false, "node 4 is not registered"},
	} {
		o := options()
		o.Change = func(context.Context, any) error { return test.err }
		w := post(newHandler(o), "/admin/remove-node", `{"node_id": 4}`)
		var answer Changed
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if w.Code != test.status || answer.Success != test.success || answer.Message != test.message ||
			answer.UnderWay != (test.status == http.StatusAccepted) || *answer.NodeID != 4 {
			t.Errorf("%v: %d %s", test.err, w.Code, w.Body)
		}
	}
}

func TestAChangeThatGetsNoAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Change = func(ctx context.Context, _ any) error { <-ctx.Done(); return ctx.Err() }
		begun := time.Now()
		w := post(newHandler(o), "/admin/rebalance", "")
		if w.Code != http.StatusGatewayTimeout || time.Since(begun) != changeTime {
			t.Errorf("%d after %s: %s", w.Code, time.Since(begun), w.Body)
		}
	})
}

func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	o := options()
	o.Change = func(context.Context, any) error { t.Error("the change was made"); return nil }
	r := httptest.NewRequest("POST", "/admin/rebalance", nil)
	r.RemoteAddr = "127.0.0.1:5"
	r.Header.Set("Origin", "https://elsewhere.example")
	w := httptest.NewRecorder()
	newHandler(o).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	healthy := Status{NodeID: 1, Ready: true, Controller: 2, ClusterStatus: ClusterStatus{
		Nodes: []NodeStatus{{ID: 1, Alive: true, Registered: true}, {ID: 2, Alive: true, Registered: true}},
		Links: []LinkStatus{{Node: 2, State: LinkUp}}, Reassigning: 4,
	}}
	if got := healthy.findProblems(); got == nil || len(got) != 0 {
		t.Errorf("nothing is wrong: %q", got)
	}
	for want, spoil := range map[string]func(s *Status){
		"node 1 does not serve: replaying the log":                       func(s *Status) { s.Ready, s.NotReady = false, "replaying the log" },
		"no node leads the metadata; topics and nodes cannot be changed": func(s *Status) { s.Controller = -1 },
		"node 2 is not reachable from node 1":                            func(s *Status) { s.Nodes[1].Alive = false },
		"node 2 is expected and has not come":                            func(s *Status) { s.Nodes[1] = NodeStatus{ID: 2} },
		"the link to node 2 at b:5001 is dialing: connection refused": func(s *Status) {
			s.Links[0] = LinkStatus{Node: 2, Address: "b:5001", State: "dialing", Error: "connection refused"}
		},
		"3 partitions have no leader":                          func(s *Status) { s.OfflineCount = 3 },
		"5 partitions are under-replicated":                    func(s *Status) { s.UnderReplicated = 5 },
		"1 replicas on node 1 were given up; its log says why": func(s *Status) { s.Offline = 1 },
		"the link to node 2 at  is refused":                    func(s *Status) { s.Links[0].State = "refused" },
	} {
		s := healthy
		s.Nodes = append([]NodeStatus(nil), healthy.Nodes...)
		s.Links = append([]LinkStatus(nil), healthy.Links...)
		spoil(&s)
		if got := s.findProblems(); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestStatusHoldsTheCluster(t *testing.T) {
	o := options()
	o.Cluster = func() ClusterStatus {
		return ClusterStatus{
			Nodes: []NodeStatus{{ID: 7, Alive: true, Registered: true, Leaders: 5}}, OfflineCount: 1,
			Unsettled: []PartitionStatus{{Topic: "orders", Partition: 3, Leader: -1, Replicas: []int32{7}, InSync: []int32{}}},
		}
	}
	w := call(newHandler(o), "GET", "/admin/status", "10.0.0.1:5", "")
	var fields map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"nodes", "links", "controller", "under_replicated", "offline", "reassigning", "unsettled", "problems"} {
		if _, found := fields[key]; !found {
			t.Errorf("%s is missing in %s", key, w.Body)
		}
	}
	var status Status
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if status.Healthy() || status.Nodes[0].Leaders != 5 || status.Unsettled[0].Topic != "orders" || status.Controller != 0 {
		t.Errorf("got %+v", status)
	}
}
