package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/consumers"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// OffsetFetch, versions 1-10
//
//	2    all partitions that have an offset; an error for the whole answer
//	5    leader epochs
//	6    flexible
//	7    stable offsets only (KIP-447): UNSTABLE_OFFSET_COMMIT where a transaction is about to change one
//	8    several groups at once (KIP-709)
//	9    members of KIP-848 groups
//	10   topic ids instead of names (KIP-848)
//
// A partition without an offset has offset -1, whether or not the group or the partition exists.

func offsetFetch(env *request.Env, client request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.OffsetFetchRequest)
	f := &fetchAnswer{request: body, image: env.Image()}
	task := askGroups(env, client)
	task.respond = f.response
	for i := range f.groups() {
		f.fetches = append(f.fetches, f.fetch(&f.wanted[i]))
		task.items = append(task.items, question{key: f.wanted[i].Group, body: f.fetches[i]})
	}
	return task
}

// fetchAnswer builds the answer. Older requests are treated as one for a single group.
type fetchAnswer struct {
	request *kmsg.OffsetFetchRequest
	image   *image.Image
	wanted  []kmsg.OffsetFetchRequestGroup
	fetches []consumers.Fetch
}

func (f *fetchAnswer) groups() []kmsg.OffsetFetchRequestGroup {
	f.wanted = f.request.Groups
	if f.request.Version >= 8 {
		return f.wanted
	}
	one := kmsg.NewOffsetFetchRequestGroup()
	one.Group = f.request.Group
	if f.request.Topics != nil {
		one.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
	}
	for _, topic := range f.request.Topics {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.Partitions = topic.Topic, topic.Partitions
		one.Topics = append(one.Topics, t)
	}
	f.wanted = []kmsg.OffsetFetchRequestGroup{one}
	return f.wanted
}

// fetch asks for what the request names. Topics whose ids are not known are left out.
func (f *fetchAnswer) fetch(group *kmsg.OffsetFetchRequestGroup) consumers.Fetch {
	fetch := consumers.Fetch{
		Stable: f.request.RequireStable, MemberID: group.MemberID, MemberEpoch: group.MemberEpoch,
	}
	if group.Topics == nil {
		fetch.All = true
		return fetch
	}
	for i := range group.Topics {
		name, known := f.name(&group.Topics[i])
		if !known {
			continue
		}
		for _, index := range group.Topics[i].Partitions {
			fetch.Places = append(fetch.Places, offsets.Place{Topic: name, Partition: index})
		}
	}
	return fetch
}

func (f *fetchAnswer) name(t *kmsg.OffsetFetchRequestGroupTopic) (string, bool) {
	if f.request.Version < 10 {
		return t.Topic, true
	}
	topic := f.image.TopicByID(t.TopicID)
	if topic == nil {
		return "", false
	}
	return topic.Name, true
}

func (f *fetchAnswer) response(items []question) kmsg.Response {
	response := kmsg.NewPtrOffsetFetchResponse()
	for i := range items {
		answer := kmsg.NewOffsetFetchResponseGroup()
		answer.Group, answer.ErrorCode = items[i].key, int16(items[i].code)
		if items[i].code == protocol.None {
			answer.Topics = f.topics(i, items[i].result)
		}
		response.Groups = append(response.Groups, answer)
	}
	if f.request.Version >= 8 {
		return response
	}
	f.flatten(response)
	return response
}

// topics lists what a group has, in the order of the request.
func (f *fetchAnswer) topics(i int, result any) []kmsg.OffsetFetchResponseGroupTopic {
	found, is := result.([]consumers.Fetched)
	if !is {
		found = consumers.Absent(f.fetches[i]) // there is no such group
	}
	if f.fetches[i].All {
		return f.all(found)
	}
	var topics []kmsg.OffsetFetchResponseGroupTopic
	for j := range f.wanted[i].Topics {
		wanted := &f.wanted[i].Topics[j]
		topic := kmsg.NewOffsetFetchResponseGroupTopic()
		topic.Topic, topic.TopicID = wanted.Topic, wanted.TopicID
		_, known := f.name(wanted)
		for _, index := range wanted.Partitions {
			if !known {
				topic.Partitions = append(topic.Partitions, noOffset(index, protocol.UnknownTopicID))
				continue
			}
			topic.Partitions = append(topic.Partitions, fetchedPartition(&found[0]))
			found = found[1:]
		}
		topics = append(topics, topic)
	}
	return topics
}

// all lists everything that a group has; by id it can only list topics that exist.
func (f *fetchAnswer) all(found []consumers.Fetched) []kmsg.OffsetFetchResponseGroupTopic {
	var topics []kmsg.OffsetFetchResponseGroupTopic
	last := ""
	for i := range found {
		if name := found[i].Topic; len(topics) == 0 || name != last {
			topic := kmsg.NewOffsetFetchResponseGroupTopic()
			topic.Topic = name
			if exists := f.image.Topic(name); exists != nil {
				topic.TopicID = exists.ID
			} else if f.request.Version >= 10 {
				continue
			}
			topics, last = append(topics, topic), name
		}
		one := &topics[len(topics)-1]
		one.Partitions = append(one.Partitions, fetchedPartition(&found[i]))
	}
	return topics
}

func fetchedPartition(found *consumers.Fetched) kmsg.OffsetFetchResponseGroupTopicPartition {
	one := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	one.Partition, one.Offset, one.LeaderEpoch = found.Partition, found.Offset.Offset, found.LeaderEpoch
	one.Metadata, one.ErrorCode = pointer(found.Metadata), int16(found.Code)
	return one
}

func noOffset(index int32, code protocol.Code) kmsg.OffsetFetchResponseGroupTopicPartition {
	one := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	one.Partition, one.Offset, one.LeaderEpoch, one.Metadata = index, -1, -1, pointer("")
	one.ErrorCode = int16(code)
	return one
}

// flatten puts the only group where older versions have it. Version 1 has no room for an error but with the
// partitions.
func (f *fetchAnswer) flatten(response *kmsg.OffsetFetchResponse) {
	group := response.Groups[0]
	response.Groups = nil
	response.ErrorCode = group.ErrorCode
	if group.ErrorCode != 0 && f.request.Version < 2 {
		for _, wanted := range f.wanted[0].Topics {
			topic := kmsg.NewOffsetFetchResponseGroupTopic()
			topic.Topic = wanted.Topic
			for _, index := range wanted.Partitions {
				topic.Partitions = append(topic.Partitions, noOffset(index, protocol.Code(group.ErrorCode)))
			}
			group.Topics = append(group.Topics, topic)
		}
	}
	for _, topic := range group.Topics {
		flat := kmsg.NewOffsetFetchResponseTopic()
		flat.Topic = topic.Topic
		for _, p := range topic.Partitions {
			one := kmsg.NewOffsetFetchResponseTopicPartition()
			one.Partition, one.Offset, one.LeaderEpoch = p.Partition, p.Offset, p.LeaderEpoch
			one.Metadata, one.ErrorCode = p.Metadata, p.ErrorCode
			flat.Partitions = append(flat.Partitions, one)
		}
		response.Topics = append(response.Topics, flat)
	}
}
