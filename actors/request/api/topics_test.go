package api

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/protocol"
)

// newTopics asks for topics with the broker's defaults.
func newTopics(version int16, names ...string) *kmsg.CreateTopicsRequest {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Version, r.TimeoutMillis = version, 5000
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func TestTopicsAreCreated(t *testing.T) {
	versions(t, kmsg.CreateTopics, func(t *testing.T, version int16) {
		c := newCluster(t, map[string]string{"num.partitions": "2"})
		r := newTopics(version, "a", "b", "a b", "b")
		r.Topics[0].Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: pointer("5")}}
		answer := ask[*kmsg.CreateTopicsResponse](c.host, r)
		if len(answer.Topics) != 3 {
			t.Fatalf("got %+v", answer.Topics)
		}
		wantCode(t, "a", answer.Topics[0].ErrorCode, protocol.None)
		wantCode(t, "b, twice", answer.Topics[1].ErrorCode, protocol.InvalidRequest)
		wantMessage(t, "b, twice", answer.Topics[1].ErrorMessage, "Duplicate topic name.")
		wantCode(t, "a b", answer.Topics[2].ErrorCode, protocol.InvalidTopicException)
		if answer.Topics[0].ErrorMessage != nil {
			t.Errorf("message %q with a topic that was made", *answer.Topics[0].ErrorMessage)
		}
		made := c.image.Topic("a")
		if made == nil || c.image.Topic("b") != nil || made.Configs["retention.ms"] != "5" {
			t.Errorf("a is %+v, b is %+v", made, c.image.Topic("b"))
		}
		if version >= 5 {
			checkDescription(t, answer.Topics[0])
		}
		if version >= 7 && answer.Topics[0].TopicID != made.ID {
			t.Errorf("id %v, want %v", answer.Topics[0].TopicID, made.ID)
		}
	})
}

// checkDescription looks at what version 5+ says about a new topic.
func checkDescription(t *testing.T, topic kmsg.CreateTopicsResponseTopic) {
	t.Helper()
	if topic.NumPartitions != 2 || topic.ReplicationFactor != 1 || topic.ConfigErrorCode != 0 {
		t.Errorf("got %+v", topic)
	}
	values := make(map[string]kmsg.CreateTopicsResponseTopicConfig)
	last := ""
	for _, one := range topic.Configs {
		if one.Name <= last {
			t.Errorf("%s after %s", one.Name, last)
		}
		last = one.Name
		values[one.Name] = one
	}
	if len(values) != 33 { // internal.segment.bytes shows only where it is set
		t.Errorf("%d configs", len(values))
	}
	if got := values["retention.ms"]; *got.Value != "5" || got.Source != 1 {
		t.Errorf("retention.ms: %+v", got)
	}
	if got := values["remote.storage.enable"]; !got.ReadOnly || *got.Value != "false" || got.Source != 5 {
		t.Errorf("remote.storage.enable: %+v", got)
	}
}

func TestCreatedTopicsHaveLeadersWhenTheAnswerComes(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 3)
	for _, p := range ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions {
		if p.ErrorCode != 0 || p.Leader < 0 {
			t.Errorf("got %+v", p)
		}
	}
}

func TestTopicWithoutLeadersInTimeIsCreatedAllTheSame(t *testing.T) {
	c := newCluster(t, nil)
	c.leaderless = true
	answer := ask[*kmsg.CreateTopicsResponse](c.host, newTopics(7, "a"))
	wantCode(t, "no leader in time", answer.Topics[0].ErrorCode, protocol.None)
	if c.image.Topic("a") == nil {
		t.Error("no topic")
	}
}

func TestCreationThatTakesTooLongTimesOut(t *testing.T) {
	c := newCluster(t, nil)
	c.silentLog = true
	answer := ask[*kmsg.CreateTopicsResponse](c.host, newTopics(7, "a", "b"))
	for _, topic := range answer.Topics {
		wantCode(t, topic.Topic, topic.ErrorCode, protocol.RequestTimedOut)
		wantMessage(t, topic.Topic, topic.ErrorMessage, "The request timed out.")
	}
	r := newTopics(7, "c")
	r.TimeoutMillis = 0
	c.silentLog = false
	answer = ask[*kmsg.CreateTopicsResponse](c.host, r)
	wantCode(t, "no time at all", answer.Topics[0].ErrorCode, protocol.RequestTimedOut)
	if c.image.Topic("c") == nil {
		t.Error("the topic of a client that does not wait was not made")
	}
}

func TestCreationIsOnlyValidated(t *testing.T) {
	versions(t, kmsg.CreateTopics, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		r := newTopics(version, "a", ".")
		r.ValidateOnly = true
		answer := ask[*kmsg.CreateTopicsResponse](c.host, r)
		wantCode(t, "a", answer.Topics[0].ErrorCode, protocol.None)
		wantCode(t, ".", answer.Topics[1].ErrorCode, protocol.InvalidTopicException)
		if c.image.TopicCount() != 0 {
			t.Error("validation made a topic")
		}
	})
}

// TestCreationErrors has one topic for each code; the sentences are proven with package controller.
func TestCreationErrors(t *testing.T) {
	c := newCluster(t, nil)
	c.make("taken", 1)
	for _, one := range []struct {
		name   string
		change func(*kmsg.CreateTopicsRequestTopic)
		want   protocol.Code
	}{
		{"taken", func(*kmsg.CreateTopicsRequestTopic) {}, protocol.TopicAlreadyExists},
		{image.MetadataTopic, func(*kmsg.CreateTopicsRequestTopic) {}, protocol.InvalidRequest},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) { r.NumPartitions = 0 }, protocol.InvalidPartitions},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) { r.ReplicationFactor = 3 }, protocol.InvalidReplicationFactor},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) { r.NumPartitions = 10001 }, protocol.PolicyViolation},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) {
			r.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "no.such", Value: pointer("1")}}
		}, protocol.InvalidConfig},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) {
			r.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms"}}
		}, protocol.InvalidConfig},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) {
			r.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{9}}}
		}, protocol.InvalidReplicaAssignment},
		{"x", func(r *kmsg.CreateTopicsRequestTopic) {
			r.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Partition: 0, Replicas: []int32{2, 1}}}
		}, protocol.None},
	} {
		r := newTopics(7, one.name)
		one.change(&r.Topics[0])
		answer := ask[*kmsg.CreateTopicsResponse](c.host, r).Topics[0]
		wantCode(t, one.name, answer.ErrorCode, one.want)
		if one.want != protocol.None &&
			(answer.NumPartitions != -1 || answer.ReplicationFactor != -1 || answer.ErrorMessage == nil) {
			t.Errorf("%s: %+v", one.want, answer)
		}
	}
	if got := c.image.Topic("x").Partitions[0].Brokers(); got[0] != 2 || got[1] != 1 {
		t.Errorf("assigned to %v", got)
	}
}

func TestRequestsThatChangeTooMuchAreRefused(t *testing.T) {
	c := newCluster(t, nil)
	names := make([]string, maxChanges+1)
	for i := range names {
		names[i] = fmt.Sprint("t", i)
	}
	created := ask[*kmsg.CreateTopicsResponse](c.host, newTopics(7, names...))
	wantCode(t, "create", created.Topics[maxChanges].ErrorCode, protocol.PolicyViolation)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.Version, remove.TopicNames = 5, names
	deleted := ask[*kmsg.DeleteTopicsResponse](c.host, remove)
	wantCode(t, "delete", deleted.Topics[0].ErrorCode, protocol.PolicyViolation)
	if len(created.Topics) != len(names) || len(deleted.Topics) != len(names) || c.submissions != 0 {
		t.Errorf("%d submissions", c.submissions)
	}
}

func topicsToDelete(version int16, names ...string) *kmsg.DeleteTopicsRequest {
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.Version, r.TimeoutMillis = version, 5000
	for _, name := range names {
		if version < 6 {
			r.TopicNames = append(r.TopicNames, name)
			continue
		}
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = &name
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func TestTopicsAreDeleted(t *testing.T) {
	versions(t, kmsg.DeleteTopics, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		id := c.make("a", 1).ID
		c.make("b", 1)
		c.make("keep", 1)
		answer := ask[*kmsg.DeleteTopicsResponse](c.host, topicsToDelete(version, "a", "gone", "b", "b"))
		if len(answer.Topics) != 3 {
			t.Fatalf("got %+v", answer.Topics)
		}
		for i, want := range []struct {
			name string
			code protocol.Code
		}{{"a", protocol.None}, {"gone", protocol.UnknownTopicOrPartition}, {"b", protocol.InvalidRequest}} {
			if *answer.Topics[i].Topic != want.name {
				t.Errorf("got %s, want %s", *answer.Topics[i].Topic, want.name)
			}
			wantCode(t, want.name, answer.Topics[i].ErrorCode, want.code)
		}
		if version >= 5 {
			wantMessage(t, "b", answer.Topics[2].ErrorMessage, "Duplicate topic name.")
		}
		if version >= 6 && answer.Topics[0].TopicID != id {
			t.Errorf("id %v", answer.Topics[0].TopicID)
		}
		if c.image.TopicCount() != 2 || c.image.Topic("keep") == nil || c.image.Topic("b") == nil {
			t.Errorf("%d topics are left", c.image.TopicCount())
		}
	})
}

func TestTopicsAreDeletedByID(t *testing.T) {
	c := newCluster(t, nil)
	a, b, d := c.make("a", 1), c.make("b", 1), c.make("d", 1)
	r := topicsToDelete(6)
	r.Topics = []kmsg.DeleteTopicsRequestTopic{
		{TopicID: a.ID},
		{TopicID: image.TopicID{9}},
		{},
		{Topic: pointer("b"), TopicID: b.ID},
		{Topic: pointer("a")},
		{TopicID: d.ID}, {TopicID: d.ID},
	}
	answer := ask[*kmsg.DeleteTopicsResponse](c.host, r)
	want := []struct {
		code    protocol.Code
		name    string
		message string
	}{
		{protocol.None, "a", ""},
		{protocol.UnknownTopicID, "", "This server does not host this topic ID."},
		{protocol.InvalidRequest, "", "Neither topic name nor id were specified."},
		{protocol.InvalidRequest, "b", "You may not specify both topic name and topic id."},
		{protocol.InvalidRequest, "a", "The provided topic name maps to an ID that was already supplied."},
		{protocol.InvalidRequest, "", "Duplicate topic id."},
	}
	if len(answer.Topics) != len(want) {
		t.Fatalf("got %+v", answer.Topics)
	}
	for i, one := range want {
		got := answer.Topics[i]
		wantCode(t, fmt.Sprint(i), got.ErrorCode, one.code)
		if (got.Topic == nil) != (one.name == "") || got.Topic != nil && *got.Topic != one.name {
			t.Errorf("%d: named %v, want %q", i, got.Topic, one.name)
		}
		if one.message != "" {
			wantMessage(t, fmt.Sprint(i), got.ErrorMessage, one.message)
		}
	}
	if c.image.TopicCount() != 2 {
		t.Errorf("%d topics are left", c.image.TopicCount())
	}
}

func TestDeletionCanBeSwitchedOff(t *testing.T) {
	for version, code := range map[int16]protocol.Code{1: protocol.InvalidRequest, 2: protocol.InvalidRequest,
		3: protocol.TopicDeletionDisabled, 6: protocol.TopicDeletionDisabled} {
		c := newCluster(t, map[string]string{"delete.topic.enable": "false"})
		c.make("a", 1)
		answer := ask[*kmsg.DeleteTopicsResponse](c.host, topicsToDelete(version, "a"))
		wantCode(t, fmt.Sprint("version ", version), answer.Topics[0].ErrorCode, code)
		if c.image.Topic("a") == nil {
			t.Error("deleted")
		}
	}
}

// TestTopicThatGoesMeanwhileIsUnknownByItsName deletes a topic between the look at the image and the
// controller's.
func TestTopicThatGoesMeanwhileIsUnknownByItsName(t *testing.T) {
	c := newCluster(t, nil)
	topic := c.make("a", 1)
	task := &topicDeletion{keys: []topicKey{{name: "a", named: true, id: topic.ID}, {id: topic.ID}}}
	gone := protocol.Errorf(protocol.UnknownTopicID, "gone")
	task.items = []change{{name: "a", err: gone, done: true}, {err: gone, done: true}}
	answer := task.Response().(*kmsg.DeleteTopicsResponse)
	wantCode(t, "by name", answer.Topics[0].ErrorCode, protocol.UnknownTopicOrPartition)
	wantCode(t, "by id", answer.Topics[1].ErrorCode, protocol.UnknownTopicID)
}

func growth(version int16, counts map[string]int32, names ...string) *kmsg.CreatePartitionsRequest {
	r := kmsg.NewPtrCreatePartitionsRequest()
	r.Version, r.TimeoutMillis = version, 5000
	for _, name := range names {
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = name, counts[name]
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func TestPartitionsAreCreated(t *testing.T) {
	versions(t, kmsg.CreatePartitions, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		c.make("a", 1)
		c.make("b", 1)
		r := growth(version, map[string]int32{"a": 3, "b": 1, "gone": 2}, "a", "b", "gone", "twice", "twice")
		answer := ask[*kmsg.CreatePartitionsResponse](c.host, r)
		if len(answer.Topics) != 4 {
			t.Fatalf("got %+v", answer.Topics)
		}
		wantCode(t, "a", answer.Topics[0].ErrorCode, protocol.None)
		wantCode(t, "b", answer.Topics[1].ErrorCode, protocol.InvalidPartitions)
		wantMessage(t, "b", answer.Topics[1].ErrorMessage, "Topic already has 1 partition(s).")
		wantCode(t, "gone", answer.Topics[2].ErrorCode, protocol.UnknownTopicOrPartition)
		wantCode(t, "twice", answer.Topics[3].ErrorCode, protocol.InvalidRequest)
		described := ask[*kmsg.MetadataResponse](c.host, metadataRequest(9, "a")).Topics[0].Partitions
		if len(described) != 3 || described[2].Leader < 0 {
			t.Errorf("answered before the new partitions had leaders: %+v", described)
		}
	})
}

func TestPartitionsGoWhereTheyAreAssigned(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	r := growth(3, map[string]int32{"a": 3}, "a")
	r.Topics[0].Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{
		{Replicas: []int32{2}},
		{Replicas: []int32{1}},
	}
	answer := ask[*kmsg.CreatePartitionsResponse](c.host, r)
	wantCode(t, "a", answer.Topics[0].ErrorCode, protocol.None)
	if got := c.image.Topic("a").Partitions; got[1].Brokers()[0] != 2 || got[2].Brokers()[0] != 1 {
		t.Errorf("got %+v", got)
	}
	r.Topics[0].Count, r.Topics[0].Assignment = 4, []kmsg.CreatePartitionsRequestTopicAssignment{}
	answer = ask[*kmsg.CreatePartitionsResponse](c.host, r)
	wantCode(t, "assignment of nothing", answer.Topics[0].ErrorCode, protocol.InvalidReplicaAssignment)
}

func TestPartitionsAreOnlyValidated(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 1)
	r := growth(3, map[string]int32{"a": 3}, "a")
	r.ValidateOnly = true
	answer := ask[*kmsg.CreatePartitionsResponse](c.host, r)
	wantCode(t, "a", answer.Topics[0].ErrorCode, protocol.None)
	if len(c.image.Topic("a").Partitions) != 1 {
		t.Error("validation made partitions")
	}
}
