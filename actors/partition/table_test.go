package partition

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/storage/wal"
)

func names(table *Table) (all []string) {
	table.Each(func(topic *Topic) bool {
		all = append(all, topic.Name)
		return true
	})
	return all
}

func TestTableIsVisitedInOrderAsItIs(t *testing.T) {
	table := NewTable()
	put := func(name string, id byte) *Topic {
		topic := &Topic{Name: name, ID: image.TopicID{id}}
		table.Put(topic)
		return topic
	}
	put("b", 1)
	c := put("c", 2)
	if got := names(table); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v", got)
	}
	put("a", 3)
	table.Drop(c)
	if got := names(table); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("after a change: got %v", got)
	}
	newer := put("b", 1)
	table.Each(func(topic *Topic) bool {
		if topic.Name == "b" && topic != newer {
			t.Error("got a topic that was replaced")
		}
		return true
	})
}

// TestWhoLooksWhileTheTableChangesKeepsNothingOld has readers that sort while topics come.
func TestWhoLooksWhileTheTableChangesKeepsNothingOld(t *testing.T) {
	table := NewTable()
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					names(table)
				}
			}
		})
	}
	for i := range 1000 {
		name := fmt.Sprint(i)
		table.Put(&Topic{Name: name, ID: image.TopicID{byte(i), byte(i >> 8)}})
		if got := names(table); len(got) != i+1 || !slices.Contains(got, name) {
			t.Fatalf("got %d topics after %d have come", len(got), i+1)
		}
	}
	close(done)
	readers.Wait()
}

func TestLeadersAreVisitedInOrderAsTheyAre(t *testing.T) {
	leaders := NewLeaders()
	visited := func() (all []wal.GroupID) {
		leaders.Each(func(id wal.GroupID, l *Leadership) bool {
			if l != leaders.Of(id) {
				t.Errorf("group %d: got %v, want what is known", id, l)
			}
			all = append(all, id)
			return true
		})
		return all
	}
	for _, id := range []wal.GroupID{7, 3, 5} {
		leaders.Learn(id, &Leadership{Node: 1, Epoch: 1}, 1)
	}
	if got := visited(); !slices.Equal(got, []wal.GroupID{3, 5, 7}) {
		t.Errorf("got %v", got)
	}
	leaders.Forget(5)
	leaders.Learn(3, &Leadership{Node: 2, Epoch: 2}, 2)
	leaders.Learn(1, &Leadership{Node: 2, Epoch: 2}, 2)
	if got := visited(); !slices.Equal(got, []wal.GroupID{1, 3, 7}) {
		t.Errorf("after a change: got %v", got)
	}
}
