package partition

import (
	"reflect"
	"slices"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/raftactor/group"
)

// Within one epoch there is one leader (Raft §5.2), and he knows best.
func TestWhoeverKnowsBestIsBelieved(t *testing.T) {
	ready := &Leadership{Node: 1, Epoch: 5, Ready: true, InSync: []int32{1, 2}}
	heard := &Leadership{Node: 1, Epoch: 5}
	for name, test := range map[string]struct {
		known, next *Leadership
		from        int32
		taken       bool
	}{
		"higher epoch":                      {ready, &Leadership{Node: 2, Epoch: 6}, 3, true},
		"higher epoch without a leader":     {ready, &Leadership{Node: NoLeader, Epoch: 6}, 3, true},
		"lower epoch, of its leader":        {ready, &Leadership{Node: 2, Epoch: 4, Ready: true}, 2, false},
		"the leader is ready now":           {heard, ready, 1, true},
		"a follower knows less":             {ready, heard, 2, false},
		"a follower has lost its leader":    {ready, &Leadership{Node: NoLeader, Epoch: 5}, 2, false},
		"the leader has stepped down":       {ready, &Leadership{Node: NoLeader, Epoch: 5}, 1, true},
		"a follower names a leader":         {&Leadership{Node: NoLeader, Epoch: 5}, heard, 2, true},
		"before anything was heard":         {unknownLeadership, heard, 2, true},
		"nobody leads, as was known before": {&Leadership{Node: NoLeader, Epoch: 5}, &Leadership{Node: NoLeader, Epoch: 5}, 2, false},
	} {
		leaders := NewLeaders()
		leaders.Learn(7, test.known, test.known.Node)
		before := leaders.Of(7)
		got, changed := leaders.Learn(7, test.next, test.from)
		if got != before || changed != test.taken || (leaders.Of(7) == test.next) != test.taken {
			t.Errorf("%s: got %v and %+v", name, changed, leaders.Of(7))
		}
	}
}

func TestReplicaIsAheadOfTheTable(t *testing.T) {
	r := NewReplica("a", image.TopicID{1}, 0, 7, &Config{})
	leaders := NewLeaders()
	leaders.Learn(7, &Leadership{Node: 2, Epoch: 5, Ready: true}, 2)
	if got := leaders.Newest(7, r, 1); got.Node != 2 {
		t.Fatalf("got %+v, want what node 2 has announced", got)
	}
	r.leadership.Store(&Leadership{Node: 1, Epoch: 6, Ready: true})
	if got := leaders.Newest(7, r, 1); got.Node != 1 {
		t.Fatalf("got %+v, want what the replica knows", got)
	}
	var nobody *Leaders
	if got := nobody.Newest(7, nil, 1); got.Node != NoLeader {
		t.Fatalf("got %+v of nothing", got)
	}
}

func TestOnlyWhatTheLeaderMeasuredIsInSync(t *testing.T) {
	id := func(broker int32) uint64 { return uint64(image.NewReplicaID(broker, 1)) }
	successor := uint64(image.NewReplicaID(3, 2).WithAddition(1))
	members := &group.MembersChanged{
		Term: 5, Voters: []uint64{id(1), id(2), id(3)}, Learners: []uint64{successor, id(4)},
		InSync: []uint64{id(1), id(2), id(4)},
	}
	for name, test := range map[string]struct {
		known  group.LeaderChanged
		want   Leadership
		others *group.MembersChanged
	}{
		"nobody leads": {group.LeaderChanged{Term: 5}, Leadership{Node: NoLeader, Epoch: 5}, members},
		"another one leads": {group.LeaderChanged{Leader: id(2), Term: 6},
			Leadership{Node: 2, Epoch: 6}, members},
		"leads and has measured": {group.LeaderChanged{Leader: id(1), Term: 5, Ready: true},
			Leadership{Node: 1, Epoch: 5, Ready: true, InSync: []int32{1, 2}, Learners: []int32{3, 4}}, members},
		"leads again and has not": {group.LeaderChanged{Leader: id(1), Term: 7, Ready: true},
			Leadership{Node: 1, Epoch: 7, Ready: true, InSync: []int32{1}}, members},
		"leads alone": {group.LeaderChanged{Leader: id(1), Term: 1, Ready: true},
			Leadership{Node: 1, Epoch: 1, Ready: true, InSync: []int32{1}}, nil},
	} {
		if got := leadershipOf(test.known, test.others); !reflect.DeepEqual(*got, test.want) {
			t.Errorf("%s: got %+v, want %+v", name, *got, test.want)
		}
	}
	if got := brokersOf([]uint64{id(3), successor, id(1)}, []uint64{id(3), successor, id(1)}); !slices.Equal(got, []int32{1, 3}) {
		t.Errorf("got brokers %v", got)
	}
}

func TestInSyncIsCountedByTheLeader(t *testing.T) {
	r := NewReplica("a", image.TopicID{1}, 0, 7, &Config{})
	for _, test := range []struct {
		l    Leadership
		want int
	}{
		{Leadership{Node: NoLeader}, 0},
		{Leadership{Node: 2, Epoch: 1, InSync: []int32{1, 2}}, 0},
		{Leadership{Node: 1, Epoch: 2, Ready: true}, 1},
		{Leadership{Node: 1, Epoch: 2, Ready: true, InSync: []int32{1, 2, 3}}, 3},
	} {
		r.leadership.Store(&test.l)
		if got := r.InSync(); got != test.want {
			t.Errorf("%+v: got %d, want %d", test.l, got, test.want)
		}
	}
}
