package group

import "testing"

// TestProposalsWaitForAChangeOfTheMembers: who is put out must have nothing that those who stay may lose.
func TestProposalsWaitForAChangeOfTheMembers(t *testing.T) {
	c := newCluster(t, 1, 3)
	c.heal()
	var leader *replica
	for _, r := range c.replicas {
		if r.core.preparer != nil {
			leader = r
		}
	}
	c.want = Want{Voters: []uint64{leader.id}}
	leader.core.Want(c.want)
	leader.core.Tick()
	leader.run()
	last := leader.core.last
	if !leader.core.changing() {
		t.Fatal("no change is under way")
	}
	c.token++
	c.open[c.token] = "held"
	leader.core.Propose([]Propose{{Request: "held", Token: c.token}})
	leader.run()
	c.collect(leader)
	if leader.core.last != last {
		t.Fatalf("got entry %d after the change at %d, want none before that is committed", leader.core.last, last)
	}
	c.heal()
	c.verify()
	if _, taken := c.acked["held"]; !taken {
		t.Fatalf("got %v, want the proposal to be taken after the change", c.counts)
	}
}
