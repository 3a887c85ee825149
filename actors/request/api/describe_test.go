package api

import (
	"fmt"
	"math"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

func TestClusterIsDescribed(t *testing.T) {
	versions(t, kmsg.DescribeCluster, func(t *testing.T, version int16) {
		c := newCluster(t, nil)
		r := kmsg.NewPtrDescribeClusterRequest()
		r.Version = version
		answer := ask[*kmsg.DescribeClusterResponse](c.host, r)
		if answer.ErrorCode != 0 || answer.ClusterID != "cluster" || answer.ControllerID != hostNode ||
			len(answer.Brokers) != 2 {
			t.Errorf("got %+v", answer)
		}
		if got := answer.Brokers[1]; got.NodeID != 2 || got.Host != "host2" || got.Port != 9092 ||
			*got.Rack != "r1" ||
			got.IsFenced {
			t.Errorf("got %+v", got)
		}
		if answer.ClusterAuthorizedOperations != math.MinInt32 {
			t.Errorf("operations %d", answer.ClusterAuthorizedOperations)
		}
		r.IncludeClusterAuthorizedOperations = true
		if answer = ask[*kmsg.DescribeClusterResponse](c.host, r); answer.ClusterAuthorizedOperations != clusterOperations {
			t.Errorf("operations %d", answer.ClusterAuthorizedOperations)
		}
	})
}

func TestControllersHaveNoEndpoints(t *testing.T) {
	c := newCluster(t, nil)
	for version := int16(1); version <= 2; version++ {
		for kind, want := range map[int8]protocol.Code{2: protocol.MismatchedEndpointType, 3: protocol.UnsupportedEndpointType} {
			r := kmsg.NewPtrDescribeClusterRequest()
			r.Version, r.EndpointType = version, kind
			answer := ask[*kmsg.DescribeClusterResponse](c.host, r)
			wantCode(t, fmt.Sprint("endpoint type ", kind), answer.ErrorCode, want)
			if answer.ErrorMessage == nil || len(answer.Brokers) != 0 {
				t.Errorf("got %+v", answer)
			}
		}
	}
}

func TestUnregisteredControllerIsNotTold(t *testing.T) {
	c := newCluster(t, nil)
	c.env.Controller = func() int32 { return 9 }
	r := kmsg.NewPtrDescribeClusterRequest()
	if answer := ask[*kmsg.DescribeClusterResponse](c.host, r); answer.ControllerID != -1 {
		t.Errorf("controller %d", answer.ControllerID)
	}
}

func page(limit int32, names ...string) *kmsg.DescribeTopicPartitionsRequest {
	r := kmsg.NewPtrDescribeTopicPartitionsRequest()
	r.ResponsePartitionLimit = limit
	for _, name := range names {
		r.Topics = append(r.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: name})
	}
	return r
}

// from sets the cursor of a request.
func from(
	r *kmsg.DescribeTopicPartitionsRequest,
	topic string,
	partition int32,
) *kmsg.DescribeTopicPartitionsRequest {
	r.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: topic, Partition: partition}
	return r
}

func TestPartitionsAreDescribed(t *testing.T) {
	c := newCluster(t, nil)
	topic := c.make("a", 2)
	answer := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, page(100, "z", "a", "a", "b b"))
	if len(answer.Topics) != 3 || answer.NextCursor != nil {
		t.Fatalf("got %+v", answer)
	}
	got := answer.Topics[0]
	if *got.Topic != "a" || got.TopicID != topic.ID || got.ErrorCode != 0 || len(got.Partitions) != 2 ||
		got.AuthorizedOperations != topicOperations || got.IsInternal {
		t.Errorf("got %+v", got)
	}
	p := got.Partitions[1]
	if p.Partition != 1 || p.LeaderID < 1 || p.LeaderEpoch != 3 || len(p.Replicas) != 1 || len(p.ISR) != 1 ||
		p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil {
		t.Errorf("got %+v", p)
	}
	wantCode(t, "b b", answer.Topics[1].ErrorCode, protocol.InvalidTopicException)
	wantCode(t, "z", answer.Topics[2].ErrorCode, protocol.UnknownTopicOrPartition)
}

// TestPagesCoverEverythingOnce walks through all topics with pages of every size.
func TestPagesCoverEverythingOnce(t *testing.T) {
	c := newCluster(t, nil)
	total := 0
	for i, partitions := range []int32{3, 1, 5, 2} {
		c.make(fmt.Sprint("t", i), partitions)
		total += int(partitions)
	}
	for _, named := range [][]string{nil, {"t3", "t0", "t2", "t1"}} {
		for limit := int32(1); limit <= int32(total)+1; limit++ {
			seen := make(map[string]bool)
			r, pages := page(limit, named...), 0
			for {
				answer := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, r)
				count := 0
				for _, topic := range answer.Topics {
					for _, p := range topic.Partitions {
						name := fmt.Sprint(*topic.Topic, "-", p.Partition)
						if seen[name] {
							t.Fatalf("limit %d: %s twice", limit, name)
						}
						seen[name] = true
						count++
					}
				}
				pages++
				if count > int(limit) {
					t.Fatalf("limit %d: %d partitions", limit, count)
				}
				if answer.NextCursor == nil {
					break
				}
				r = from(page(limit, named...), answer.NextCursor.Topic, answer.NextCursor.Partition)
			}
			if len(seen) != total || pages > (total+int(limit)-1)/int(limit) {
				t.Errorf("limit %d: %d of %d partitions on %d pages", limit, len(seen), total, pages)
			}
		}
	}
}

func TestPageSizeIsBounded(t *testing.T) {
	c := newCluster(t, map[string]string{"max.request.partition.size.limit": "2"})
	c.make("a", 5)
	for limit, want := range map[int32]int{-1: 1, 0: 1, 1: 1, 2: 2, 100: 2} {
		answer := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, page(limit, "a"))
		if got := len(answer.Topics[0].Partitions); got != want || answer.NextCursor.Partition != int32(want) {
			t.Errorf("limit %d: %d partitions, next %+v", limit, got, answer.NextCursor)
		}
	}
}

func TestCursors(t *testing.T) {
	c := newCluster(t, nil)
	c.make("a", 2)
	c.make("c", 2)
	for what, r := range map[string]*kmsg.DescribeTopicPartitionsRequest{
		"negative partition": from(page(10, "a"), "a", -1),
		"another topic":      from(page(10, "a"), "b", 0),
	} {
		answer := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, r)
		if len(answer.Topics) != 1 || answer.Topics[0].ErrorCode != int16(protocol.InvalidRequest) {
			t.Errorf("%s: %+v", what, answer.Topics)
		}
	}
	gone := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, from(page(10), "b", 7))
	if len(gone.Topics) != 1 || *gone.Topics[0].Topic != "c" || len(gone.Topics[0].Partitions) != 2 {
		t.Errorf("cursor at a topic that is gone: %+v", gone.Topics)
	}
	past := ask[*kmsg.DescribeTopicPartitionsResponse](c.host, from(page(10), "a", 7))
	if len(past.Topics) != 2 || len(past.Topics[0].Partitions) != 0 || len(past.Topics[1].Partitions) != 2 {
		t.Errorf("cursor past the end of a topic: %+v", past.Topics)
	}
}
