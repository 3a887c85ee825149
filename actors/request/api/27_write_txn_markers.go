package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/storage/partitionlog"
)

// WriteTxnMarkers, versions 1-2
//
//	1    flexible
//	2    the version of the transaction protocol with each marker (KIP-1228)
//
// The coordinator of a transaction sends it to the leaders of all partitions that take part. An administrator
// may send it too, to end a transaction that its coordinator has forgotten (KIP-664). It is answered when the
// markers are committed. Each partition stands for itself.

func writeTxnMarkers(env *request.Env, _ request.Client, r *protocol.Request) call.Task {
	body := r.Body.(*kmsg.WriteTxnMarkersRequest)
	task := &markerWriting{request: body}
	task.env, task.timeout = env, env.Settings.RequestTimeout
	l, now := look{env, env.Image()}, env.Now().UnixMilli()
	for i := range body.Markers {
		ending := endingOf(&body.Markers[i], now)
		for _, topic := range body.Markers[i].Topics {
			for _, index := range topic.Partitions {
				task.items = append(task.items, l.marker(topic.Topic, index, ending))
			}
		}
	}
	return task
}

// endingOf returns what a marker asks of each of its partitions.
func endingOf(m *kmsg.WriteTxnMarkersRequestMarker, now int64) partition.EndTransaction {
	return partition.EndTransaction{
		TransactionMarker: partitionlog.TransactionMarker{
			ProducerID: m.ProducerID, ProducerEpoch: m.ProducerEpoch, CoordinatorEpoch: m.CoordinatorEpoch,
			Version: m.TransactionVersion,
		},
		Commit: m.Committed, Time: now,
	}
}

func (l look) marker(topic string, index int32, ending partition.EndTransaction) proposal {
	replica, code := l.replica(topic, index)
	if code != protocol.None {
		return answered(code)
	}
	return proposal{replica: replica, request: ending}
}

// markerWriting is the task of a WriteTxnMarkers request. Its items are the partitions of the request in
// order.
type markerWriting struct {
	proposals
	request *kmsg.WriteTxnMarkersRequest
}

// Response implements call.Task.
func (w *markerWriting) Response() kmsg.Response {
	response := kmsg.NewPtrWriteTxnMarkersResponse()
	next := 0
	for i := range w.request.Markers {
		marker := kmsg.NewWriteTxnMarkersResponseMarker()
		marker.ProducerID = w.request.Markers[i].ProducerID
		for _, topic := range w.request.Markers[i].Topics {
			answer := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			answer.Topic = topic.Topic
			for _, index := range topic.Partitions {
				one := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
				one.Partition, one.ErrorCode = index, int16(w.items[next].code)
				answer.Partitions = append(answer.Partitions, one)
				next++
			}
			marker.Topics = append(marker.Topics, answer)
		}
		response.Markers = append(response.Markers, marker)
	}
	return response
}
