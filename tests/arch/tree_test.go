package arch

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
)

// TestLiveTreeIsTheOneInTheDrawing starts a node, gives it work of every sort, and compares the kinds of its
// live actors, parent by parent, with the drawing in actors/doc.go.
func TestLiveTreeIsTheOneInTheDrawing(t *testing.T) {
	drawn := drawnTree(t)
	running, stop := startNode(t)
	defer stop()
	seen := map[string]bool{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	work(ctx, t, running, func() bool {
		collect(running.Tree(), "", seen)
		return len(seen) >= len(drawn)
	})
	for path := range drawn {
		if !seen[path] {
			t.Errorf("actors/doc.go draws %s, but no such actor was alive", path)
		}
	}
	for path := range seen {
		if !drawn[path] {
			t.Errorf("%s is alive, but actors/doc.go does not draw it", path)
		}
	}
}

// drawnTree reads the drawing: the paths of kinds, such as broker/raft/group/applier.
func drawnTree(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../actors/doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	var above []string
	for line := range strings.Lines(file.Doc.Text()) {
		depth, name, ok := drawnLine(strings.TrimPrefix(line, "\t"))
		if !ok {
			continue
		}
		above = append(above[:min(depth, len(above))], kindOf(name))
		paths[strings.Join(above, "/")] = true
	}
	if len(paths) < 5 {
		t.Fatalf("got %d actors out of the drawing, want a whole tree: %v", len(paths), paths)
	}
	return paths
}

// drawnLine reads one line of the drawing: three columns for each level, then the name.
func drawnLine(line string) (depth int, name string, ok bool) {
	runes := []rune(line)
	at := slices.IndexFunc(runes, func(r rune) bool { return r >= 'a' && r <= 'z' })
	if at < 0 || at%3 != 0 {
		return 0, "", false
	}
	for _, r := range runes[:at] {
		if !strings.ContainsRune("│├└─ ", r) {
			return 0, "", false
		}
	}
	branch := at >= 3 && (runes[at-3] == '├' || runes[at-3] == '└')
	name, _, _ = strings.Cut(string(runes[at:]), " ")
	return at / 3, name, branch || name == "broker"
}

func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

func collect(nodes []kit.Node, above string, into map[string]bool) {
	for _, node := range nodes {
		path := strings.TrimPrefix(above+"/"+node.Kind, "/")
		if !strings.HasPrefix(path, "broker") {
			continue // the question of a test is an actor of its own
		}
		into[path] = true
		collect(node.Children, path, into)
	}
}

func startNode(t *testing.T) (running *broker.Running, stop func()) {
	t.Helper()
	settings := config.Default()
	settings.DataDir = t.TempDir()
	settings.Bind.Kafka, settings.Advertise.Kafka = "127.0.0.1:0", "127.0.0.1:0"
	settings.Bind.Metrics = "127.0.0.1:0"
	settings.Storage.ReserveBytes = 0
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	running, err := broker.Start(ctx, broker.Options{Config: settings, Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel)})
	if err != nil {
		t.Fatal(err)
	}
	return running, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// work keeps the node busy with requests that have actors of their own, until enough says so. Actors of
// requests live for microseconds, so it takes many looks to meet each kind.
func work(ctx context.Context, t *testing.T, running *broker.Running, enough func() bool) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(running.Addr()), kgo.AllowAutoTopicCreation(),
		kgo.ConsumeTopics("orders"), kgo.FetchMaxWait(time.Second), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	polling := make(chan struct{})
	go func() {
		defer close(polling)
		for ctx.Err() == nil {
			if fetches := client.PollFetches(ctx); fetches.IsClientClosed() {
				return
			}
		}
	}()
	for i := 0; !enough() && ctx.Err() == nil; i++ {
		topic := "orders"
		if i%50 == 1 {
			topic = fmt.Sprintf("orders-%d", i)
		}
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte("one")}, nil)
	}
	client.Close()
	<-polling
}
