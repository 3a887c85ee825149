package partition

import (
	"slices"
	"strings"
	"sync"

	"github.com/chronik-go/chronik/actors/metadata/image"
)

// Topic is what the table knows of one topic: its replicas on this node by partition index, nil where
// this node has none. It is immutable.
type Topic struct {
	Name     string
	ID       image.TopicID
	Replicas []*Replica
}

// Replica returns the replica of a partition, or nil when this node has none.
func (t *Topic) Replica(partition int32) *Replica {
	if t == nil || partition < 0 || int(partition) >= len(t.Replicas) {
		return nil
	}
	return t.Replicas[partition]
}

// Table finds replicas on this node by topic name or id. The manager actor writes it; any goroutine
// reads it. Two concurrent maps instead of one published value: ten thousand topics that are created one
// by one would copy a published map ten thousand times.
type Table struct {
	byName sync.Map // string → *Topic
	byID   sync.Map // image.TopicID → *Topic
	sorted sorted[*Topic]
}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{} }

// Topic returns the topic of that name, or nil.
func (t *Table) Topic(name string) *Topic {
	topic, _ := t.byName.Load(name)
	found, _ := topic.(*Topic)
	return found
}

// TopicByID returns the topic of that id, or nil.
func (t *Table) TopicByID(id image.TopicID) *Topic {
	topic, _ := t.byID.Load(id)
	found, _ := topic.(*Topic)
	return found
}

// Lookup returns the replica of a partition by topic name, or nil.
func (t *Table) Lookup(name string, partition int32) *Replica {
	return t.Topic(name).Replica(partition)
}

// LookupID returns the replica of a partition by topic id, or nil.
func (t *Table) LookupID(id image.TopicID, partition int32) *Replica {
	return t.TopicByID(id).Replica(partition)
}

// Put publishes a topic, replacing what stood under its name and id. Only the manager calls it.
func (t *Table) Put(topic *Topic) {
	t.byID.Store(topic.ID, topic)
	t.byName.Store(topic.Name, topic)
	t.sorted.changed()
}

// Drop removes a topic. Only the manager calls it.
func (t *Table) Drop(topic *Topic) {
	t.byID.Delete(topic.ID)
	t.byName.CompareAndDelete(topic.Name, topic)
	t.sorted.changed()
}

// Each visits every topic until visit returns false, in the order of their names.
func (t *Table) Each(visit func(*Topic) bool) {
	for _, topic := range t.sorted.get(t.byNames) {
		if !visit(topic) {
			return
		}
	}
}

// byNames returns all topics in the order of their names.
func (t *Table) byNames() []*Topic {
	var all []*Topic
	t.byName.Range(func(_, topic any) bool {
		all = append(all, topic.(*Topic))
		return true
	})
	slices.SortFunc(all, func(a, b *Topic) int { return strings.Compare(a.Name, b.Name) })
	return all
}
