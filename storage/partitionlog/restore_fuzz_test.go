package partitionlog

import (
	"bytes"
	"testing"

	"github.com/chronik-go/chronik/protocol/batch"
)

func FuzzPieces(f *testing.F) {
	h := header{topicID: testTopic, start: 5, from: 3, end: 90, producersEnd: 80}
	h.epochs = epochs{{1, 5}, {4, 60}}
	data := h.encode()
	f.Add(data[:len(data)-4])
	h.purged, h.anew = 60, true
	data = h.encode()
	f.Add(data[:len(data)-4])
	f.Add(append(newPiece(pieceBatches, 100), batch.Build(batch.Options{LeaderEpoch: 1}, batch.Record{})...))
	f.Add(append(newPiece(pieceProducers, 100), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, body, err := openPiece(sealed(data))
		if err != nil || !isHeader(kind) {
			return
		}
		got, err := decodeHeader(kind, body)
		if err != nil {
			return
		}
		kind, body, err = openPiece(got.encode())
		must(t, err)
		again, err := decodeHeader(kind, body)
		if err != nil || !bytes.Equal(again.encode(), got.encode()) {
			t.Errorf("%+v does not come back: %v", got, err)
		}
	})
}

func FuzzHave(f *testing.F) {
	h := have{topicID: testTopic, end: 90, epoch: 4}
	data := h.encode()
	f.Add(data[:len(data)-4])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeHave(sealed(data))
		if err != nil {
			return
		}
		if again, err := decodeHave(got.encode()); err != nil || again != got {
			t.Errorf("%+v does not come back: %+v, %v", got, again, err)
		}
	})
}
