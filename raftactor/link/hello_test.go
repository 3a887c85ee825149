package link

import (
	"strings"
	"testing"
)

func TestCheckSaysWhatToDo(t *testing.T) {
	local := Hello{Node: 1, Cluster: "green", State: Member, Raft: "a:1", Build: "1.0", Feature: 1, Instance: 11}
	for name, test := range map[string]struct {
		change func(*Hello)
		want   string // "": they fit
	}{
		"a member":              {func(*Hello) {}, ""},
		"one that knows none":   {func(h *Hello) { h.Cluster, h.State = "", Fresh }, ""},
		"another build":         {func(h *Hello) { h.Build = "1.1" }, ""},
		"another cluster":       {func(h *Hello) { h.Cluster = "blue" }, "correct [[peers]]"},
		"the same node id":      {func(h *Hello) { h.Node = 1 }, "give one of them another"},
		"the very same process": {func(h *Hello) { h.Node, h.Instance = 1, 11 }, "has reached itself"},
		"another feature level": {func(h *Hello) { h.Feature = 2 }, "run builds of the same level"},
	} {
		t.Run(name, func(t *testing.T) {
			remote := Hello{Node: 2, Cluster: "green", State: Member, Raft: "b:1", Build: "1.0", Feature: 1, Instance: 22}
			test.change(&remote)
			err := Check(local, remote)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestEverybodySeesTheNewestHello(t *testing.T) {
	self := NewSelf(Hello{Node: 1, State: Fresh, Feature: Feature})
	peers := NewPeers(self, Options{})
	self.Publish(Hello{Node: 1, State: Member, Cluster: "green", Feature: Feature})
	if got := peers.Self().Hello(); got.Cluster != "green" || !peers.Alive(1) || peers.Alive(2) {
		t.Fatalf("got %+v", got)
	}
}
