package coordinator

import (
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/transactions/transaction"
	"github.com/chronik-go/chronik/protocol"
)

// A partition that cannot write holds up the request it is in, once. From then on its markers travel alone, and
// those of other partitions are not kept waiting by it.
func TestSlowPartitionHoldsUpNobodyElse(t *testing.T) {
	m, now := newMarking(), time.UnixMilli(1000)
	stuck, fine := transaction.Place{Topic: "stuck"}, transaction.Place{Topic: "fine"}
	leader := func(string, int32) (int32, bool, bool) { return 1, true, true }
	markers := func(places ...transaction.Place) (items []*item) {
		for _, place := range places {
			items = append(items, &item{marker: marker{id: "id", place: place}})
		}
		return items
	}
	m.route(now, markers(stuck, fine), leader)
	token, items, ok := m.take(1)
	if !ok || len(items) != 2 {
		t.Fatalf("got %d markers in the first request, want both", len(items))
	}
	// No answer comes in time.
	m.returned(now, token, func(*item) protocol.Code { return protocol.RequestTimedOut })
	now = now.Add(longestWait)
	m.route(now, m.due(now), leader)
	tokens := map[transaction.Place]uint64{}
	for range 2 {
		token, node, items, ok := m.takeSlow()
		if !ok || node != 1 || len(items) != 1 {
			t.Fatalf("got %d markers, want each partition by itself", len(items))
		}
		tokens[items[0].place] = token
	}
	none := func(*item) protocol.Code { return protocol.None }
	if done, _ := m.returned(now, tokens[fine], none); len(done) != 1 || done[0].place != fine {
		t.Errorf("got %v done, want the marker of the partition that works", done)
	}
	// The next transaction has both partitions again: one marker goes at once, the other waits its turn.
	m.route(now, markers(stuck, fine), leader)
	if _, items, ok := m.take(1); !ok || len(items) != 1 || items[0].place != fine {
		t.Errorf("got %+v, want the marker of the partition that works alone", items)
	}
	if _, _, _, ok := m.takeSlow(); ok {
		t.Error("got a second request for a slow partition while the first is on its way")
	}
	if done, _ := m.returned(now, tokens[stuck], none); len(done) != 1 {
		t.Errorf("got %v done", done)
	}
	token, _, items, ok = m.takeSlow()
	if !ok || len(items) != 1 || items[0].place != stuck {
		t.Fatalf("got %+v, want the next marker of the slow partition", items)
	}
	m.returned(now, token, none)
	if len(m.slow) != 0 || m.sluggish != 0 {
		t.Errorf("%d partitions are slow and %d requests on their way, want none", len(m.slow), m.sluggish)
	}
}
