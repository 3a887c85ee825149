package image_test

import (
	"fmt"
	"testing"

	"github.com/chronik-go/chronik/actors/metadata/image"
	"github.com/chronik-go/chronik/actors/metadata/metadatapb"
)

// BenchmarkCreateTopics creates 10,000 topics one by one, each from its encoded command.
func BenchmarkCreateTopics(b *testing.B) {
	const topics = 10_000
	base := cluster(b, 1)
	commands := make([][]byte, topics)
	for n := range commands {
		commands[n] = metadatapb.EncodeCommand(
			create(fmt.Sprintf("topic-%05d", n*7919%topics), topicID(uint64(n)), nil,
				[]int32{1}),
		)
	}
	b.ReportAllocs()
	for b.Loop() {
		i := base
		for _, data := range commands {
			command, err := metadatapb.DecodeCommand(data)
			if err != nil {
				b.Fatal(err)
			}
			i, _ = i.Apply(command)
		}
		if i.TopicCount() != topics {
			b.Fatal(i.TopicCount())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*topics), "ns/command")
}

// BenchmarkSnapshot writes and restores an image of 10,000 topics.
func BenchmarkSnapshot(b *testing.B) {
	i := cluster(b, 1)
	for n := range 10_000 {
		i, _ = apply(b, i, create(fmt.Sprintf("topic-%05d", n), topicID(uint64(n)), nil, []int32{1}))
	}
	b.ReportAllocs()
	for b.Loop() {
		data, err := metadatapb.EncodeSnapshot(i.Snapshot())
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
		snapshot, err := metadatapb.DecodeSnapshot(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := image.FromSnapshot(snapshot); err != nil {
			b.Fatal(err)
		}
	}
}
