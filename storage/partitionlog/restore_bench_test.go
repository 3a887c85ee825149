package partitionlog

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// bigLog returns a log of that many bytes on a real disk, in batches of one record with a value of so many.
func bigLog(t testing.TB, size int64, value int) *Log {
	t.Helper()
	l, err := Open(vfs.OS(), t.TempDir()+"/big-0", Config{TopicID: testTopic}, nil, Boot)
	must(t, err)
	const run = 16
	batches := make([]batch.Batch, run)
	for i := range batches {
		batches[i] = batch.Build(batch.Options{}, batch.Record{Value: make([]byte, value)})
	}
	for l.View().Size() < size {
		for i, b := range batches {
			b.Stamp(l.View().End()+protocol.Offset(i), 0)
		}
		must(t, l.Append(batches))
	}
	return l
}

// BenchmarkRestore copies a log of 256 MB from one directory to another, syncs included.
func BenchmarkRestore(b *testing.B) {
	const size = 256 << 20
	for _, value := range []int{300, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dB", value), func(b *testing.B) {
			leader := bigLog(b, size, value)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				benchmarkCopy(b, leader)
			}
		})
	}
}

func benchmarkCopy(b *testing.B, leader *Log) {
	l, err := Open(vfs.OS(), b.TempDir()+"/copy-0", Config{TopicID: testTopic}, nil, Boot)
	must(b, err)
	source, err := leader.Share(l.Have())
	must(b, err)
	for first := true; ; first = false {
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(b, err)
		must(b, l.Restore(piece, first))
	}
	_, err = l.Restored()
	must(b, err)
	must(b, l.Delete())
}
