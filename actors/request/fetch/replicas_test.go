package fetch

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request/requesttest"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/raftactor/group"
	"github.com/chronik-go/chronik/storage/vfs"
)

// racked returns a broker in rack-1 that leads a partition with three records, of which brokers 2 and 3, in
// racks of their own, have replicas; 2 is in sync.
func racked(t *testing.T) (*requesttest.Broker, *partition.Replica) {
	b := requesttest.New(t, vfs.NewMem())
	b.Register(2, "two", 9092)
	b.Register(3, "three", 9092)
	b.CreateTopic("orders", 1, nil)
	b.Append("orders", 0, "a", "b", "c")
	r := b.Replica("orders", 0)
	id := func(broker int32) uint64 { return uint64(image.NewReplicaID(broker, 1)) }
	r.Waiters.Tell(group.MembersChanged{
		Term: requesttest.Epoch, Voters: []uint64{id(1), id(2), id(3)}, InSync: []uint64{id(1), id(2)},
	})
	b.Eventually(func() bool { return len(r.Leadership().InSync) == 2 })
	return b, r
}

// read reads the partition from an offset as a client in a rack does.
func read(b *requesttest.Broker, version int16, rack string, offset protocol.Offset) *item {
	a := &Actor{env: b.Env}
	entries := []entry{{key: key{topic: "orders"}, want: want{
		offset: offset, maxBytes: 1 << 20, epoch: protocol.NoLeaderEpoch, fetched: protocol.NoLeaderEpoch,
	}}}
	items := a.resolve(&scope{entries: entries})
	readAll(items, limits{version: version, rack: rack, maxBytes: 1 << 20})
	return &items[0]
}

// KIP-392: the leader names a replica in the client's rack, and sends no records then.
func TestLeaderSendsConsumersToTheirRack(t *testing.T) {
	b, _ := racked(t)
	for name, test := range map[string]struct {
		version int16
		rack    string
		offset  protocol.Offset
		want    int32
	}{
		"in the rack of a replica in sync": {17, "rack-2", 1, 2},
		"at the end":                       {17, "rack-2", 3, 2},
		"in the rack of one that lags":     {17, "rack-3", 1, -1},
		"in the leader's rack":             {17, "rack-1", 1, -1},
		"in a rack without a broker":       {17, "rack-9", 1, -1},
		"says no rack":                     {17, "", 1, -1},
		"of before KIP-392":                {10, "rack-2", 1, -1},
		"beyond the end":                   {17, "rack-2", 4, -1},
	} {
		one := read(b, test.version, test.rack, test.offset)
		if got := one.preferred(); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
		if one.nearest != nil && (one.size > 0 || !one.urgent() || one.high != 3) {
			t.Errorf("%s: got %d bytes, urgent %v, high watermark %d", name, one.size, one.urgent(), one.high)
		}
		one.release()
	}
	b.Env.Alive = func(broker int32) bool { return broker != 2 }
	one := read(b, 17, "rack-2", 1)
	if one.nearest != nil || one.size == 0 {
		t.Errorf("sent to broker %d, which is not alive", one.preferred())
	}
	one.release()
}

func TestFollowerServesWhatItHasApplied(t *testing.T) {
	b, r := racked(t)
	b.Lead(r, 2, 9)
	one := read(b, 17, "rack-1", 1)
	if one.code != protocol.None || one.size == 0 || one.high != 3 || one.nearest != nil {
		t.Fatalf("got %+v", one.result)
	}
	one.release()
	one = read(b, 17, "rack-1", 5)
	if one.code != protocol.OffsetNotAvailable || one.urgent() || one.high != 3 {
		t.Fatalf("beyond the end: got %s, urgent %v", one.code, one.urgent())
	}
	for name, one := range map[string]*item{
		"says no rack":      read(b, 17, "", 1),
		"of before KIP-392": read(b, 10, "rack-1", 1),
	} {
		if one.code != protocol.NotLeaderOrFollower || one.leader == nil || one.leader.Node != 2 {
			t.Errorf("%s: got %s and %+v", name, one.code, one.leader)
		}
	}
	b.Lead(r, 0, 10)
	if one := read(b, 17, "rack-1", 1); one.code != protocol.NotLeaderOrFollower {
		t.Errorf("without a leader: got %s", one.code)
	}
}

// KIP-951, for a partition that has no replica on this node.
func TestLeaderElsewhereIsNamed(t *testing.T) {
	b, r := racked(t)
	b.Env.Leaders = partition.NewLeaders()
	b.Env.Leaders.Learn(r.Group, &partition.Leadership{Node: 2, Epoch: 7, Ready: true}, 2)
	b.Env.Replicas = partition.NewTable()
	one := read(b, 17, "", 1)
	if one.code != protocol.NotLeaderOrFollower || one.leader == nil || one.leader.Node != 2 || one.leader.Epoch != 7 {
		t.Fatalf("got %s and %+v", one.code, one.leader)
	}
	b.Env.Alive = func(broker int32) bool { return broker != 2 }
	if one := read(b, 17, "", 1); one.leader != nil {
		t.Fatalf("named %+v, which is not alive", one.leader)
	}
}

func TestRackIsReadFromTheRequest(t *testing.T) {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.Rack = 17, "rack-2"
	if w := newWork(1, Read{Request: &protocol.Request{}}, r, 1); w.limits.rack != "rack-2" {
		t.Fatalf("got %q", w.limits.rack)
	}
}
