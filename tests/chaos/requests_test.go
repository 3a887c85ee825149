package chaos

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// atOnce is far less than any deadline of a request here, and more than a busy machine takes.
const atOnce = time.Second

// TestCrashOfARequestIsAnsweredAtOnce crashes what serves a request: its client does not wait for a deadline.
func TestCrashOfARequestIsAnsweredAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	client := w.client(kgo.MaxVersions(kversion.V3_0_0()), kgo.RequestRetries(0))
	defer client.Close()
	if err := createTopic(t.Context(), client, orders, "delete"); err != nil {
		t.Fatal(err)
	}
	const conn = "broker/listener-kafka/conn-*"
	for _, one := range []struct {
		name    string
		fault   kit.Fault
		request func() kmsg.Request
		want    protocol.Code // None stands for a connection that closes
	}{
		{
			"write", kit.Fault{Path: conn + "/write-*", Message: "*.Proposed"}, produceRequest,
			protocol.RequestTimedOut,
		},
		{
			"fetch", kit.Fault{Path: conn + "/fetch-*", Message: "fetch.Read"}, fetchRequest,
			protocol.UnknownServerError,
		},
		{"call", kit.Fault{Path: conn + "/call-*", Message: "metadata.Submitted"}, createRequest, protocol.None},
		{"conn", kit.Fault{Path: conn, Message: "*.Done"}, createRequest, protocol.None},
	} {
		t.Run(one.name, func(t *testing.T) {
			var all []time.Duration
			for range 10 {
				id, err := w.nodes[0].faults.Add(one.fault)
				if err != nil {
					t.Fatal(err)
				}
				took, code, err := ask(t, client, one.request())
				if strikes := w.nodes[0].faults.List()[0].Strikes; strikes != 1 {
					t.Errorf("got %d crashes, want one", strikes)
				}
				w.nodes[0].faults.Remove(id)
				closed := one.want == protocol.None
				if took > atOnce || closed != (err != nil) || code != one.want {
					t.Errorf("got %v, %v after %v, want %v or a connection that closes (%v)", code, err, took, one.want,
						closed)
				}
				all = append(all, took)
			}
			slices.Sort(all)
			t.Logf("answered within %v as the median, %v at most", percentile(all, 50), all[len(all)-1])
		})
	}
}

// ask sends one request, once, and returns the error code of its answer. What is asked before, over a
// connection that may be new, does not count.
func ask(t *testing.T, client *kgo.Client, request kmsg.Request) (time.Duration, protocol.Code, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun := time.Now()
	response, err := client.Broker(1).Request(ctx, request)
	took := time.Since(begun)
	if err != nil {
		return took, protocol.None, err
	}
	switch r := response.(type) {
	case *kmsg.ProduceResponse:
		return took, protocol.Code(r.Topics[0].Partitions[0].ErrorCode), nil
	case *kmsg.FetchResponse:
		return took, protocol.Code(r.ErrorCode), nil
	}
	return took, protocol.None, nil
}

// produceRequest may take as long as the node lets a request take.
func produceRequest() kmsg.Request {
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, int32(deadline.Milliseconds())
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch.Build(batch.Options{}, batch.Record{Timestamp: time.Now().UnixMilli()})
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = orders, append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	return request
}

func fetchRequest() kmsg.Request {
	request := kmsg.NewPtrFetchRequest()
	request.MaxBytes, request.MinBytes = 1<<20, 0
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 1 << 20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.Partitions = orders, append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	return request
}

func createRequest() kmsg.Request {
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = fmt.Sprintf("made-%d", time.Now().UnixNano())
	topic.NumPartitions, topic.ReplicationFactor = 1, 1
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), int32(deadline.Milliseconds())
	return request
}

// TestCrashOfAManagerKeepsNobodyWaiting crashes those who keep a request for later: whoever asked is answered, and does
// not wait for a deadline, and neither does a node that stops.
func TestCrashOfAManagerKeepsNobodyWaiting(t *testing.T) {
	w := newWorld(t, 1)
	client := w.client(kgo.MaxVersions(kversion.V3_0_0()), kgo.RequestRetries(0))
	defer client.Close()
	for _, fault := range []kit.Fault{
		{Path: "broker/partitions", Message: "partitions.AwaitLeaders"},
		{Path: "broker/metadata", Message: "metadata.Submit"},
	} {
		for _, point := range []kit.Point{kit.Before, kit.Middle, kit.After} {
			t.Run(fmt.Sprintf("%s %s", point, fault.Message), func(t *testing.T) {
				fault.Point = point
				n := w.nodes[0]
				end := n.alive().end(fault.Path)
				if _, err := n.faults.Add(fault); err != nil {
					t.Fatal(err)
				}
				took, _, err := ask(t, client, createRequest())
				if err != nil || took > atOnce {
					t.Errorf("got %v after %v, want an answer at once", err, took)
				}
				<-end
				n.faults.Clear()
				begun := time.Now()
				n.stop()
				if took := time.Since(begun); took > 5*atOnce {
					t.Errorf("the node took %v to stop", took)
				}
				n.start()
			})
		}
	}
}
