package group

import (
	"errors"
	"slices"
	"testing"
)

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

// TestChangeThatIsDoneOutlivesALossOfPower: those who are put out are removed when the leader says that the change is
// done. If all others lose power then, they have to know the change without them.
func TestChangeThatIsDoneOutlivesALossOfPower(t *testing.T) {
	for stay := 1; stay <= 2; stay++ {
		c := newCluster(t, uint64(stay), 3)
		c.heal()
		i := slices.IndexFunc(c.replicas, func(r *replica) bool { return r.core.preparer != nil })
		leader := c.replicas[i]
		var left []*replica
		c.want = Want{}
		for n := range stay {
			left = append(left, c.replicas[(i+n)%len(c.replicas)])
			c.want.Voters = append(c.want.Voters, left[n].id)
		}
		slices.Sort(c.want.Voters)
		leader.core.Want(Want{Voters: c.want.Voters})
		leader.core.Tick()
		leader.run()
		done := func() bool { return !leader.members.Changing && slices.Equal(leader.members.Voters, c.want.Voters) }
		for step := 0; !done(); step++ { // a message, an append or an entry at a time
			if step > 10_000 {
				t.Fatalf("the change is not done:\n%s", c.describe())
			}
			r := c.replicas[step%len(c.replicas)]
			switch c.collect(r); {
			case done():
			case len(r.disk.flying) > 0:
				r.appended()
			case len(r.applies) > 0:
				r.apply()
			case len(r.fetches) > 0:
				c.fetch(r)
			default:
				c.deliver()
			}
		}
		c.network = nil
		for _, r := range left {
			r.die(errors.New("power loss"))
			r.disk.flying = nil
		}
		for _, r := range left {
			c.boot(r)
		}
		leads := func(r *replica) bool { return r.core.preparer != nil }
		for tick := 0; !slices.ContainsFunc(left, leads); tick++ {
			if tick > 20*electionTicks {
				t.Fatalf("nobody leads the %d that stay:\n%s", stay, c.describe())
			}
			for _, r := range left {
				r.core.Tick()
				r.run()
				c.collect(r)
			}
			for len(c.network) > 0 {
				if !slices.Contains(c.want.Voters, c.network[0].GetTo()) {
					c.network = c.network[1:]
					continue
				}
				c.deliver()
				for _, r := range left {
					r.storage()
					c.collect(r)
				}
			}
			for _, r := range left {
				r.storage()
				c.collect(r)
			}
		}
	}
}
