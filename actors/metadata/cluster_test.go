package metadata

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/kit/kittest"
	"github.com/chronik-go/chronik/actors/metadata/controller"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

var three = []int32{1, 2, 3}

// orders are all orders in which three nodes can be started.
var orders = [][]int32{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}

// runs returns how many seeds a test takes: a few of them in a short run.
func runs(n uint64) uint64 {
	if testing.Short() {
		return max(n/5, 1)
	}
	return n
}

// elections counts those of all nodes that run.
func (w *cluster) elections() (won int, term uint64) {
	for _, m := range w.nodes {
		won += m.host.elections
		term = max(term, m.host.highest)
	}
	return won, term
}

func TestNodesFormOneClusterInAnyOrder(t *testing.T) {
	seed := seedOf(t)
	for n, order := range orders {
		for _, pause := range []time.Duration{0, 7 * time.Millisecond, 2 * time.Second} {
			name := fmt.Sprintf("%v/%v", order, pause)
			t.Run(name, func(t *testing.T) {
				inCluster(t, seed+uint64(n), three, func(w *cluster) {
					for _, id := range order[:2] {
						w.start(id)
						if pause > 0 {
							w.advance(pause)
						}
					}
					if pause == 2*time.Second {
						if !w.formed(order[:2]...) {
							t.Fatalf("two of three have not formed a cluster\n%s", w.report())
						}
					}
					w.start(order[2])
					w.eventually(700*time.Millisecond, "three form a cluster", func() bool { return w.formed(three...) })
					w.advance(3 * time.Second)
					if won, term := w.elections(); won != 1 || term > 2 {
						t.Errorf("%d elections up to term %d, want 1", won, term)
					}
					w.checkVoters(1, 2, 3)
				})
			})
		}
	}
}

// checkVoters checks that the voters are the replicas that the brokers have now.
func (w *cluster) checkVoters(ids ...int32) {
	w.t.Helper()
	w.eventually(5*time.Second, "the brokers vote", func() bool {
		leader := w.nodes[ids[0]].current.Controller()
		if leader == NoController || w.nodes[leader] == nil {
			return false
		}
		var want []uint64
		for _, id := range ids {
			want = append(want, uint64(w.nodes[leader].current.Image().Broker(id).Replica()))
		}
		return slices.Equal(w.nodes[leader].voters(), want)
	})
}

func TestOneOfThreeFormsNothing(t *testing.T) {
	inCluster(t, seedOf(t), three, func(w *cluster) {
		w.start(2)
		w.advance(time.Minute)
		if m := w.nodes[2]; m.current.Image().Version() != 0 || !m.dir.Fresh() || m.host.replica != 0 {
			t.Errorf("one node of three has done something\n%s", w.report())
		}
		w.start(3)
		w.eventually(500*time.Millisecond, "two form a cluster", func() bool { return w.formed(2, 3) })
	})
}

// formThree returns a cluster of three.
func (w *cluster) formThree() {
	w.t.Helper()
	for _, id := range w.configured {
		w.start(id)
	}
	w.eventually(time.Second, "a cluster is formed", func() bool { return w.formed(w.configured...) })
	w.checkVoters(w.configured...)
}

func TestWipedNodeComesBackAsAnotherReplica(t *testing.T) {
	seed := seedOf(t)
	for n := range uint64(3) {
		id := int32(n + 1) // the leader may be among them
		inCluster(t, seed+n, three, func(w *cluster) {
			w.formThree()
			via := w.nodes[id%3+1]
			event, err := via.do(controller.CreateTopic{Name: "a", Partitions: 3, ReplicationFactor: 3})
			if err != nil {
				t.Fatal(err)
			}
			before := event.(image.TopicCreated).Topic
			was := w.nodes[id].current.Image().Broker(id)
			w.wipe(id)
			w.advance(100 * time.Millisecond)
			w.start(id)
			w.eventually(5*time.Second, "the wiped node is back", func() bool { return w.formed(three...) })
			w.checkVoters(1, 2, 3)
			now := w.nodes[id].current.Image()
			if got := now.Broker(id).Incarnation; got != was.Incarnation+1 || w.nodes[id].dir.Incarnation() != got {
				t.Errorf("incarnation %d after %d", got, was.Incarnation)
			}
			for index, p := range now.Topic("a").Partitions {
				fresh, _ := p.ReplicaOn(id)
				if slices.Contains(before.Partitions[index].Replicas, fresh) || fresh.Founder() {
					t.Errorf("replica %x of partition %d votes as if it remembered", fresh, index)
				}
			}
		})
	}
}

// TestFoundersMayCrashAtAnyStep takes the power from nodes at random turns while they form a cluster.
func TestFoundersMayCrashAtAnyStep(t *testing.T) {
	seed := seedOf(t)
	for n := range runs(25) {
		inCluster(t, seed+n, three, func(w *cluster) {
			for _, id := range three {
				w.start(id)
			}
			for range 1 + w.rng.IntN(4) {
				for range w.rng.IntN(120) {
					w.world.Step()
				}
				id := three[w.rng.IntN(3)]
				w.crash(id)
				for range w.rng.IntN(60) {
					w.world.Step()
				}
				if w.rng.IntN(2) == 0 {
					w.advance(time.Duration(w.rng.IntN(300)) * time.Millisecond)
				}
				w.start(id)
			}
			w.eventually(15*time.Second, fmt.Sprintf("seed %d: a cluster is formed", seed+n), func() bool {
				return w.formed(three...)
			})
			w.checkVoters(1, 2, 3)
		})
	}
}

// TestFounderMayLoseItsDiskWhileTheClusterForms is the case in which a replica could vote twice.
func TestFounderMayLoseItsDiskWhileTheClusterForms(t *testing.T) {
	seed := seedOf(t)
	for n := range runs(25) {
		inCluster(t, seed+n, three, func(w *cluster) {
			for _, id := range three {
				w.start(id)
			}
			for range w.rng.IntN(250) {
				w.world.Step()
			}
			id := three[w.rng.IntN(3)]
			founded := len(w.nodes[id].dir.Founders()) > 0
			w.wipe(id)
			for range w.rng.IntN(60) {
				w.world.Step()
			}
			again := w.start(id)
			formed := false
			for k := 0; k < 150 && !formed; k++ {
				w.advance(100 * time.Millisecond)
				formed = w.formed(three...)
			}
			ids, founders := map[string]bool{"": true}, 0
			for _, m := range w.nodes {
				ids[m.current.Image().ClusterID()] = true
				if len(m.dir.Founders()) > 0 {
					founders++
				}
			}
			switch {
			case len(ids) > 2:
				t.Fatalf("seed %d: two clusters\n%s", seed+n, w.report())
			case formed:
				w.checkVoters(1, 2, 3)
			case !founded || founders >= 2: // else only one is left that may vote
				t.Fatalf("seed %d: no cluster is formed\n%s", seed+n, w.report())
			}
			if founded && len(again.dir.Founders()) > 0 && again.dir.Incarnation() == 1 && w.sawFounder(id) {
				t.Fatalf("seed %d: node %d founds again after it lost its disk\n%s", seed+n, id, w.report())
			}
		})
	}
}

// sawFounder tells whether another node has noted a directory of this one that it does not have any more.
func (w *cluster) sawFounder(id int32) bool {
	for _, m := range w.nodes {
		seen := directoryOf(m.dir.Founders(), id)
		if m.id != id && seen != "" && seen != unseen && seen != w.nodes[id].dir.ID() {
			return true
		}
	}
	return false
}

func TestNewNodeJoins(t *testing.T) {
	inCluster(t, seedOf(t), three, func(w *cluster) {
		w.formThree()
		w.configured = []int32{1, 2, 3, 4} // as the new node has it
		if _, err := w.nodes[2].do(controller.ExpectBroker{ID: 4, Raft: "localhost:4"}); err != nil {
			t.Fatal(err)
		}
		if peers := w.nodes[1].host.peers; len(peers) != 3 || peers[2].Node != 4 {
			t.Errorf("links to %+v", peers)
		}
		w.start(4)
		w.eventually(time.Second, "the new node is in", func() bool { return w.formed(1, 2, 3, 4) })
		w.checkVoters(1, 2, 3, 4)
		for _, m := range w.nodes {
			if peers := m.host.peers; len(peers) != 3 {
				t.Errorf("node %d has links to %+v", m.id, peers)
			}
		}
		if _, err := w.nodes[4].do(controller.UnregisterBroker{ID: 4}); err != nil {
			t.Fatal(err)
		}
		w.checkVoters(1, 2, 3)
	})
}

func TestAnyNodeTakesChangesAndSeesThem(t *testing.T) {
	seed := seedOf(t)
	for n := range uint64(5) {
		inCluster(t, seed+n, three, func(w *cluster) {
			w.formThree()
			for _, id := range three {
				m := w.nodes[id]
				name := fmt.Sprint("via-", id)
				m.metadata.Tell(Subscribe{Who: m.asker.Address}) // the same mailbox, so the order shows
				token := m.ask(controller.CreateTopic{Name: name, Partitions: 2, ReplicationFactor: 3})
				w.advance(100 * time.Millisecond)
				known, answered := false, false
				for _, message := range m.asker.All() {
					switch got := message.(type) {
					case ImageChanged:
						known = known || got.Image.Topic(name) != nil
					case Submitted:
						answered = true
						created, is := got.Event.(image.TopicCreated)
						if got.Token != token || got.Err != nil || !known || !is || created.Topic.Name != name {
							t.Errorf("node %d: got %+v, known before: %v", id, got, known)
						}
					}
				}
				if !answered {
					t.Fatalf("node %d has not answered\n%s", id, w.report())
				}
				if _, err := m.do(controller.CreateTopic{Name: name, Partitions: 1, ReplicationFactor: 1}); protocol.
					CodeOf(err) != protocol.TopicAlreadyExists {
					t.Errorf("node %d: got %v", id, err)
				}
				if _, err := m.do(controller.CreateTopic{Name: "\xff", Partitions: 1, ReplicationFactor: 1}); err == nil {
					t.Errorf("node %d made a topic whose name is no text", id)
				}
			}
		})
	}
}

func TestProducerIDsOfAllNodesDiffer(t *testing.T) {
	inCluster(t, seedOf(t), three, func(w *cluster) {
		w.formThree()
		seen := map[int64]bool{}
		for _, id := range three {
			m := w.nodes[id]
			for k := range uint64(1500) {
				m.metadata.Tell(AllocateProducerID{ReplyTo: m.asker.Address, Token: k})
			}
			w.advance(100 * time.Millisecond)
			for _, message := range m.asker.All() {
				answer := message.(ProducerIDAllocated)
				if answer.Err != nil || seen[answer.ID] {
					t.Fatalf("got %+v", answer)
				}
				seen[answer.ID] = true
			}
		}
		if len(seen) != 4500 {
			t.Errorf("got %d ids", len(seen))
		}
	})
}

// TestConfirmedChangesSurviveWhoeverFails crashes and separates nodes at random while changes are made through
// all of them. What was confirmed is there in the end, every change is answered once, and all images agree.
func TestConfirmedChangesSurviveWhoeverFails(t *testing.T) {
	seed := seedOf(t)
	for n := range runs(10) {
		inCluster(t, seed+n, three, func(w *cluster) {
			w.formThree()
			rng := rand.New(rand.NewPCG(seed, n))
			confirmed, asked, answers := map[string]image.TopicID{}, map[uint64]int32{}, map[uint64]int{}
			collect := func(m *member) {
				for _, message := range m.asker.All() {
					got := message.(Submitted)
					answers[got.Token]++
					if created, is := got.Event.(image.TopicCreated); is && got.Err == nil {
						confirmed[created.Topic.Name] = created.Topic.ID
					}
				}
			}
			for k := range 60 {
				id := three[rng.IntN(3)]
				if m := w.nodes[id]; m.running {
					asked[m.ask(controller.CreateTopic{Name: fmt.Sprint("t", k), Partitions: 1, ReplicationFactor: 1})] = id
				}
				switch victim := three[rng.IntN(3)]; rng.IntN(12) {
				case 0:
					collect(w.nodes[victim])
					for token, at := range asked {
						if at == victim {
							delete(asked, token)
						}
					}
					w.crash(victim)
					w.advance(time.Duration(rng.IntN(1000)) * time.Millisecond)
					w.start(victim)
				case 1:
					w.separate(victim, victim%3+1, true)
					w.advance(time.Duration(rng.IntN(2000)) * time.Millisecond)
					w.separate(victim, victim%3+1, false)
				default:
					w.advance(time.Duration(rng.IntN(30)) * time.Millisecond)
				}
			}
			w.advance(15 * time.Second) // beyond all deadlines
			for _, m := range w.nodes {
				collect(m)
			}
			for token := range asked {
				if answers[token] != 1 {
					t.Errorf("seed %d: change %d was answered %d times", seed+n, token, answers[token])
				}
			}
			if !w.formed(three...) || len(confirmed) < 10 {
				t.Fatalf("seed %d: %d changes confirmed\n%s", seed+n, len(confirmed), w.report())
			}
			for _, m := range w.nodes {
				for name, id := range confirmed {
					if topic := m.current.Image().Topic(name); topic == nil || topic.ID != id {
						t.Fatalf("seed %d: node %d has lost topic %s", seed+n, m.id, name)
					}
				}
				if string(stored(t, m.current.Image())) != string(stored(t, w.nodes[1].current.Image())) {
					t.Errorf("seed %d: nodes %d and 1 have other images", seed+n, m.id)
				}
			}
		})
	}
}

func TestPlansAreCarriedOutThroughAnyNode(t *testing.T) {
	inCluster(t, seedOf(t), three, func(w *cluster) {
		w.formThree()
		for n := range 5 {
			if _, err := w.nodes[1].do(controller.CreateTopic{
				Name: fmt.Sprint("t", n), Partitions: 4, ReplicationFactor: 2}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range three {
			event, err := w.nodes[id].do(controller.Drain{Broker: 3})
			planned, is := event.(image.ReassignmentsPlanned)
			if err != nil || !is || id == 1 && planned.Partitions == 0 || id > 1 && planned.Partitions != 0 {
				t.Fatalf("node %d: got %+v, %v", id, event, err)
			}
		}
		for topic := range w.nodes[2].current.Image().Topics() {
			for _, p := range topic.Partitions {
				if slices.Contains(image.BrokersOf(p.Target()), 3) {
					t.Errorf("%s-%d shall still be on %v", topic.Name, p.Index, p.Target())
				}
			}
		}
		if _, err := w.nodes[2].do(controller.Drain{Broker: 9}); protocol.CodeOf(err) !=
			protocol.BrokerIDNotRegistered {
			t.Errorf("got %v", err)
		}
	})
}

func TestQuorumIsDescribedAnywhere(t *testing.T) {
	inCluster(t, seedOf(t), three, func(w *cluster) {
		w.formThree()
		for _, id := range three {
			m := w.nodes[id]
			m.metadata.Tell(DescribeQuorum{ReplyTo: m.asker.Address, Token: 7})
			w.settle()
			got := kittest.Expect[QuorumDescribed](t, m.asker, time.Second)
			if got.Err != nil || got.Token != 7 || got.Quorum.Leader != m.current.Controller() ||
				len(got.Quorum.Voters) != 3 || got.Quorum.Epoch == 0 || got.Quorum.HighWatermark == 0 {
				t.Fatalf("node %d: got %+v", id, got)
			}
			for _, voter := range got.Quorum.Voters {
				directory := image.TopicID(voter.Directory).String()
				if directory != w.nodes[voter.Node].dir.ID() || voter.End == 0 || voter.CaughtUpAt.IsZero() {
					t.Errorf("node %d: voter %+v", id, voter)
				}
			}
		}
		m := w.start(4) // knows nobody who leads yet
		m.metadata.Tell(DescribeQuorum{ReplyTo: m.asker.Address, Token: 8})
		if got := kittest.Expect[QuorumDescribed](t, m.asker, time.Second); protocol.CodeOf(got.Err) !=
			protocol.NotController {
			t.Errorf("got %+v", got)
		}
	})
}
