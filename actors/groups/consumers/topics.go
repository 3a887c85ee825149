package consumers

import (
	"github.com/chronik-go/chronik/actors/groups/modern"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/actors/metadata/image"
)

// topics shows the image of the cluster, and what expressions match, to a group.
type topics struct {
	*image.Image
	matches map[string][]string
}

var _ modern.Topics = topics{}

// Topic implements modern.Topics.
func (t topics) Topic(name string) (records.Topic, bool) { return topicOf(t.Image.Topic(name)) }

// TopicByID implements modern.Topics.
func (t topics) TopicByID(id records.TopicID) (records.Topic, bool) {
	return topicOf(t.Image.TopicByID(image.TopicID(id)))
}

func topicOf(topic *image.Topic) (records.Topic, bool) {
	if topic == nil {
		return records.Topic{}, false
	}
	return records.Topic{Name: topic.Name, ID: topic.ID, Partitions: int32(len(topic.Partitions))}, true
}

// Matching implements modern.Topics.
func (t topics) Matching(expression string) ([]string, bool) {
	found, known := t.matches[expression]
	return found, known
}
