package broker

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// describe returns a group of the newer protocol, nil while the coordinator does not answer.
func (n *node) describe(ctx context.Context, group string) *kmsg.ConsumerGroupDescribeResponseGroup {
	n.t.Helper()
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.Groups = []string{group}
	response, err := r.RequestWith(ctx, n.client)
	if err != nil || len(response.Groups) != 1 {
		return nil
	}
	return &response.Groups[0]
}

// mustBeStable waits for a stable group of so many members, and returns its epoch.
func (n *node) mustBeStable(ctx context.Context, group string, members int) (epoch int32) {
	n.t.Helper()
	eventually(ctx, n.t, fmt.Sprintf("%d members", members), func() bool {
		g := n.describe(ctx, group)
		if g == nil || g.State != "Stable" || len(g.Members) != members {
			return false
		}
		epoch = g.Epoch
		return true
	})
	return epoch
}

// TestMembersOfTheNewerProtocolOutliveTheirActors ends each actor on the way of a heartbeat, and the node at
// last: the members go on with what they have, in their epochs.
func TestMembersOfTheNewerProtocolOutliveTheirActors(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNodeIn(t, t.TempDir())
	defer n.stop()
	n.produceMany(ctx, 10)
	newer := []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
	seen := &seen{values: map[string]bool{}}
	var members []*member
	for range 2 {
		members = append(members, n.consume(ctx, seen, math.MaxInt, newer...))
	}
	epoch := n.mustBeStable(ctx, "sharing", 2)
	for _, part := range []string{"/consumers-", "/coordinator-", "broker/groups"} {
		n.saboteur.arm(func(path string) bool {
			return strings.Contains(path, part) && (part != "/coordinator-" || strings.Count(path, "/") == 2)
		})
		if hit := <-n.saboteur.hit; !strings.Contains(hit, part) {
			t.Fatalf("got sabotage of %s, want %s", hit, part)
		}
		if got := n.mustBeStable(ctx, "sharing", 2); got != epoch {
			t.Errorf("got epoch %d after %s, want %d: nobody left", got, part, epoch)
		}
		n.produceMany(ctx, 10)
		eventually(ctx, t, "all records read", func() bool { return seen.count() == len(n.acked) })
	}
	for _, m := range members {
		m.stop()
		m.wait()
	}
	n.mustList(ctx, "sharing Empty")
	r := kmsg.NewPtrDescribeGroupsRequest()
	r.Groups = []string{"sharing"}
	response, err := r.RequestWith(ctx, n.client)
	if err != nil || protocol.Code(response.Groups[0].ErrorCode) != protocol.GroupIDNotFound {
		t.Errorf("got %+v, %v for a description as a classic group, want none", response, err)
	}
	n.mustDelete(ctx, "sharing", protocol.None)
	n.mustList(ctx)
}

// TestGroupChangesItsProtocolUnderLoad has classic members replaced by ones of the newer protocol one by one, and
// back again, while records are produced.
func TestGroupChangesItsProtocolUnderLoad(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := startNodeIn(t, t.TempDir())
	defer n.stop()
	seen := &seen{values: map[string]bool{}}
	old := kgo.Balancers(kgo.CooperativeStickyBalancer())
	newer := []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
	start := func(opts ...kgo.Opt) *member { return n.consume(ctx, seen, math.MaxInt, opts...) }
	kinds := func(classic, consumers int) {
		t.Helper()
		eventually(ctx, t, fmt.Sprintf("%d classic and %d other members", classic, consumers), func() bool {
			g := n.describe(ctx, "sharing")
			if g == nil || g.State != "Stable" {
				return false
			}
			var got [2]int
			for _, m := range g.Members {
				got[m.MemberType]++
			}
			return got == [2]int{classic, consumers}
		})
	}
	n.produceMany(ctx, 20)
	members := []*member{start(old), start(old)}
	eventually(ctx, t, "all records read", func() bool { return seen.count() == len(n.acked) })
	n.mustList(ctx, "sharing Stable")

	members = append(members, start(newer...))
	kinds(2, 1)
	n.produceMany(ctx, 20)
	for range 2 {
		members[0].stop()
		members[0].wait()
		members = append(members[1:], start(newer...))
		n.produceMany(ctx, 20)
	}
	kinds(0, 3)
	eventually(ctx, t, "all records read", func() bool { return seen.count() == len(n.acked) })

	members = append(members, start(old), start(old))
	kinds(2, 3)
	for range 3 {
		members[0].stop()
		members[0].wait()
		members = members[1:]
		n.produceMany(ctx, 20)
	}
	eventually(ctx, t, "a classic group", func() bool {
		g := n.describe(ctx, "sharing")
		return g != nil && protocol.Code(g.ErrorCode) == protocol.GroupIDNotFound
	})
	eventually(ctx, t, "all records read", func() bool { return seen.count() == len(n.acked) })
	for _, m := range members {
		m.stop()
		m.wait()
	}
	n.mustHave(ctx, "sharing", int64(len(n.acked)))
	n.mustList(ctx, "sharing Empty")
}
