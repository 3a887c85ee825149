package assignor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/actors/groups/records"
)

func topic(n byte) records.TopicID { return records.TopicID{15: n} }

// shown writes an assignment as "member: topic=partitions ...", in order.
func shown(assigned map[string]records.Partitions) string {
	var lines []string
	for id, p := range assigned {
		line := id + ":"
		for _, topic := range p.Topics() {
			line += fmt.Sprintf(" %d=%v", topic[15], p[topic])
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func TestAssignments(t *testing.T) {
	both := []records.TopicID{topic(1), topic(2)}
	one, two := both[:1], both[1:]
	partitions := map[records.TopicID]int32{topic(1): 3, topic(2): 3}
	had := func(n byte, list ...int32) records.Partitions { return records.Partitions{topic(n): list} }
	for _, test := range []struct {
		name    string
		by      Assignor
		members []Member
		want    string
	}{
		{"nobody", Uniform, nil, ""},
		{"range alike", Range, []Member{{ID: "b", Topics: both}, {ID: "a", Topics: both}}, "a: 1=[0 1] 2=[0 1]; b: 1=[2] 2=[2]"},
		{
			"range puts static members first", Range,
			[]Member{{ID: "a", Topics: one}, {ID: "z", Instance: "i", Topics: one}}, "a: 1=[2]; z: 1=[0 1]",
		},
		{
			"range with more members than partitions", Range,
			[]Member{{ID: "a", Topics: one}, {ID: "b", Topics: one}, {ID: "c", Topics: one}, {ID: "d", Topics: one}},
			"a: 1=[0]; b: 1=[1]; c: 1=[2]; d:",
		},
		{"range mixed", Range, []Member{{ID: "a", Topics: both}, {ID: "b", Topics: two}}, "a: 1=[0 1 2] 2=[0 1]; b: 2=[2]"},
		{
			"uniform from nothing", Uniform, []Member{{ID: "a", Topics: both}, {ID: "b", Topics: both}},
			"a: 1=[0 2] 2=[1]; b: 1=[1] 2=[0 2]",
		},
		{
			"uniform: a third comes", Uniform, []Member{
				{ID: "a", Topics: both, Had: records.Partitions{topic(1): {0, 2}, topic(2): {1}}},
				{ID: "b", Topics: both, Had: records.Partitions{topic(1): {1}, topic(2): {0, 2}}},
				{ID: "c", Topics: both},
			}, "a: 1=[0] 2=[1]; b: 1=[1] 2=[0]; c: 1=[2] 2=[2]",
		},
		{
			"uniform: who has more keeps the one that is over", Uniform,
			[]Member{{ID: "a", Topics: one, Had: had(1, 0)}, {ID: "b", Topics: one, Had: had(1, 1, 2)}},
			"a: 1=[0]; b: 1=[1 2]",
		},
		{
			"uniform: a topic is left and another one is gone", Uniform,
			[]Member{{ID: "a", Topics: two, Had: records.Partitions{topic(1): {0}, topic(2): {7}, topic(9): {0}}}},
			"a: 2=[0 1 2]",
		},
		{
			"mixed: the choosy are served first", Uniform, []Member{{ID: "a", Topics: both}, {ID: "b", Topics: two}},
			"a: 1=[0 1 2]; b: 2=[0 1 2]",
		},
		{
			"mixed: what is too much moves", Uniform,
			[]Member{{ID: "a", Topics: both, Had: had(2, 0, 1, 2)}, {ID: "b", Topics: two}},
			"a: 1=[0 1 2]; b: 2=[0 1 2]",
		},
	} {
		got := shown(test.by(Group{Members: test.members, Partitions: partitions}))
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestRandomGroups lets groups change at random and checks after each change: every partition that somebody
// reads has one member that reads it, nobody has two more than one who could take one of his, and where all
// read the same no more partitions moved than had to.
func TestRandomGroups(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		g := Group{Partitions: map[records.TopicID]int32{}}
		alike := random.IntN(2) == 0
		for n := range 1 + random.IntN(5) {
			g.Partitions[topic(byte(n))] = random.Int32N(12)
		}
		for change := range 12 {
			if len(g.Members) == 0 || random.IntN(3) > 0 {
				g.Members = append(g.Members, Member{ID: fmt.Sprint(change)})
			} else {
				at := random.IntN(len(g.Members))
				g.Members = slices.Delete(g.Members, at, at+1)
			}
			subscribe(random, &g, alike)
			check(t, &g, Range(g), false)
			assigned := Uniform(g)
			check(t, &g, assigned, true)
			if alike && len(g.Members) > 0 {
				checkSticky(t, &g, assigned)
			}
			for i := range g.Members {
				g.Members[i].Had = assigned[g.Members[i].ID]
			}
			if again := shown(Uniform(g)); again != shown(assigned) {
				t.Fatalf("got %s for a group that did not change, want %s", again, shown(assigned))
			}
		}
	}
}

func subscribe(random *rand.Rand, g *Group, alike bool) {
	var all []records.TopicID
	for one := range g.Partitions {
		all = append(all, one)
	}
	for i := range g.Members {
		m := &g.Members[i]
		if alike {
			m.Topics = all
		} else if m.Topics == nil {
			for _, one := range all {
				if random.IntN(2) == 0 {
					m.Topics = append(m.Topics, one)
				}
			}
		}
	}
}

func check(t *testing.T, g *Group, assigned map[string]records.Partitions, balanced bool) {
	t.Helper()
	for one, count := range g.Partitions {
		var readers, owners int
		for index := range count {
			owners = 0
			for i := range g.Members {
				if assigned[g.Members[i].ID].Has(one, index) {
					owners++
				}
			}
			readers = 0
			for i := range g.Members {
				m := &g.Members[i]
				if !slices.Contains(m.Topics, one) {
					if len(assigned[m.ID][one]) > 0 {
						t.Fatalf("got %s for %s, which does not read it", shown(assigned), m.ID)
					}
					continue
				}
				readers++
			}
			if owners != min(readers, 1) {
				t.Fatalf("got %d owners of %d-%d, want %d: %s", owners, one[15], index, min(readers, 1), shown(assigned))
			}
		}
		for i := range g.Members {
			for j := range g.Members {
				a, b := &g.Members[i], &g.Members[j]
				if balanced && slices.Contains(b.Topics, one) && len(assigned[a.ID][one]) > 0 &&
					assigned[a.ID].Len() > assigned[b.ID].Len()+1 {
					t.Fatalf("got %s, want it balanced", shown(assigned))
				}
			}
		}
	}
}

// checkSticky counts the partitions that members kept and compares with the most that quotas allow.
func checkSticky(t *testing.T, g *Group, assigned map[string]records.Partitions) {
	t.Helper()
	total := 0
	for _, count := range g.Partitions {
		total += int(count)
	}
	size, over := total/len(g.Members), total%len(g.Members)
	most, kept := 0, 0
	for i := range g.Members {
		m := &g.Members[i]
		had := m.Had.Keep(func(one records.TopicID, index int32) bool { return index < g.Partitions[one] })
		kept += had.And(assigned[m.ID]).Len()
		most += min(had.Len(), size)
		if had.Len() > size && over > 0 {
			most++
			over--
		}
	}
	if kept != most {
		t.Fatalf("got %d partitions kept, want %d: %s", kept, most, shown(assigned))
	}
}

func BenchmarkUniform(b *testing.B) {
	g := Group{Partitions: map[records.TopicID]int32{}}
	var topics []records.TopicID
	for n := range 100 {
		g.Partitions[topic(byte(n))] = 100
		topics = append(topics, topic(byte(n)))
	}
	for i := range 1000 {
		g.Members = append(g.Members, Member{ID: fmt.Sprint(i), Topics: topics})
	}
	b.ReportAllocs()
	for b.Loop() {
		Uniform(g)
	}
}
