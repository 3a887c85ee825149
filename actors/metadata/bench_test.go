package metadata

import (
	"fmt"
	"testing"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/vfs"
)

// BenchmarkPlanAndApply creates 10,000 topics one by one: planned against the tail, encoded, decoded and
// applied, as leader and machine do it, without Raft and disk.
func BenchmarkPlanAndApply(b *testing.B) {
	const topics = 10_000
	b.ReportAllocs()
	for b.Loop() {
		m := open(b, machineConfig(b, vfs.NewMem()), nil)
		if _, err := m.Apply(script(b, m, born()...)); err != nil {
			b.Fatal(err)
		}
		preparer := m.Lead(1)
		for n := range uint64(topics) {
			prepared := preparer.Prepare(newTopic(fmt.Sprintf("topic-%05d", n)))
			if prepared.Err != nil {
				b.Fatal(prepared.Err)
			}
			if _, err := m.Apply([]applier.Entry{{Term: 1, Index: n + 3, Data: prepared.Data}}); err != nil {
				b.Fatal(err)
			}
		}
		if m.image.TopicCount() != topics {
			b.Fatal(m.image.TopicCount())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*topics), "ns/topic")
}
