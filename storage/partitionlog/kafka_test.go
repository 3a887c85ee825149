package partitionlog

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
)

// TestKafkasOwnToolReadsTheFiles lets DumpLogSegments of Kafka judge every file: it recomputes what the
// indexes should say. It runs where CHRONIK_KAFKA_CLASSPATH names the jars of org.apache.kafka:kafka_2.13
// and what they need.
func TestKafkasOwnToolReadsTheFiles(t *testing.T) {
	classpath := os.Getenv("CHRONIK_KAFKA_CLASSPATH")
	if classpath == "" {
		t.Skip("CHRONIK_KAFKA_CLASSPATH is not set")
	}
	dir := t.TempDir() + "/topic-0"
	c := Config{SegmentBytes: 40_000, IndexIntervalBytes: 300, TopicID: testTopic}
	l, err := Open(vfs.OS(), dir, c, nil, Boot)
	must(t, err)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 1500 {
		b := randomBatch(rng, l.View().End(), protocol.LeaderEpoch(i/100), int64(1_700_000_000_000+20*i))
		must(t, l.Append([]batch.Batch{b}))
	}
	flush, err := l.Capture()
	must(t, err)
	state, err := flush()
	must(t, err)
	must(t, l.Checkpointed(state))
	names, err := vfs.OS().List(dir)
	must(t, err)
	records := 0
	for _, name := range names {
		if _, _, ok := parseName(name); !ok {
			continue
		}
		out, err := exec.Command("java", "-cp", classpath, "kafka.tools.DumpLogSegments",
			"--deep-iteration", "--files", dir+"/"+name).CombinedOutput()
		text := string(out)
		if err != nil || strings.Contains(text, "ismatch") || strings.Contains(text, "xception") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if strings.HasSuffix(name, suffixSnapshot) && strings.Count(text, "producerId:") != l.producers.Len() {
			t.Errorf("%s: want %d producers:\n%s", name, l.producers.Len(), text)
		}
		if strings.HasSuffix(name, suffixLog) {
			if strings.Contains(text, "isvalid: false") {
				t.Errorf("%s: a batch is not valid", name)
			}
			records += strings.Count(text, "| offset: ")
		}
		if strings.HasSuffix(name, suffixIndex) && !strings.Contains(text, "position: ") {
			t.Errorf("%s: no entries:\n%s", name, text)
		}
	}
	if want := int(l.View().End()); records != want {
		t.Errorf("Kafka counts %d records, want %d", records, want)
	}
	t.Logf("%d files of %d segments, %d records", len(names), l.View().Segments(), records)
}
