package api

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// markersRequest asks for the markers of two producers in the partitions of one topic.
func markersRequest(topic string, partitions ...int32) *kmsg.WriteTxnMarkersRequest {
	r := kmsg.NewPtrWriteTxnMarkersRequest()
	r.Version = 1
	for id := range int64(2) {
		marker := kmsg.NewWriteTxnMarkersRequestMarker()
		marker.ProducerID, marker.ProducerEpoch, marker.CoordinatorEpoch = 70+id, int16(id), 8
		marker.Committed = id == 0
		t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		t.Topic, t.Partitions = topic, partitions
		marker.Topics = append(marker.Topics, t)
		r.Markers = append(r.Markers, marker)
	}
	return r
}

func (h *host) markers(r *kmsg.WriteTxnMarkersRequest) []kmsg.WriteTxnMarkersResponseMarker {
	h.Helper()
	return ask[*kmsg.WriteTxnMarkersResponse](h, r).Markers
}

func TestWriteTxnMarkers(t *testing.T) {
	h := orders(t)
	h.lead("orders", 1, 2, 8, false)
	got := h.markers(markersRequest("orders", 0, 1, 7))
	if len(got) != 2 || got[0].ProducerID != 70 || got[1].ProducerID != 71 {
		t.Fatalf("got %+v, want both producers", got)
	}
	for _, marker := range got {
		partitions := marker.Topics[0].Partitions
		wantCode(t, "leader", partitions[0].ErrorCode, protocol.None)
		wantCode(t, "led by another broker", partitions[1].ErrorCode, protocol.NotLeaderOrFollower)
		wantCode(t, "no such partition", partitions[2].ErrorCode, protocol.UnknownTopicOrPartition)
	}
	for _, producer := range h.producers(producersRequest("orders", 0))[0].ActiveProducers {
		if producer.CoordinatorEpoch != 8 || producer.LastSequence != -1 || producer.CurrentTxnStartOffset != -1 {
			t.Errorf("got %+v after its marker", producer)
		}
	}

	fenced := markersRequest("orders", 0)
	fenced.Markers[0].CoordinatorEpoch, fenced.Markers[1].ProducerEpoch = 7, 0
	got = h.markers(fenced)
	wantCode(t, "old coordinator", got[0].Topics[0].Partitions[0].ErrorCode, protocol.TransactionCoordinatorFenced)
	wantCode(t, "old producer", got[1].Topics[0].Partitions[0].ErrorCode, protocol.InvalidProducerEpoch)
}
