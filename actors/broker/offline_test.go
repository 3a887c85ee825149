package broker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/config"
	"github.com/chronik-go/chronik/actors/kit"
)

// TestNodeWithoutItsMetadataLogIsNotReady crashes the replica of the metadata log until it is given up. The node
// says so, and goes on serving the partitions that it has.
func TestNodeWithoutItsMetadataLogIsNotReady(t *testing.T) {
	settings := config.Default()
	settings.DataDir = t.TempDir()
	settings.Bind.Kafka, settings.Advertise.Kafka, settings.Bind.Metrics = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	settings.Storage.ReserveBytes = 0
	faults := new(kit.Faults)
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	node, err := Start(ctx, Options{Config: settings, Log: zerolog.Nop(), Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	defer stopNode(t, node)
	client, err := kgo.NewClient(kgo.SeedBrokers(node.Addr()), kgo.AllowAutoTopicCreation(),
		kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := readiness(ctx, node); err != nil {
		t.Fatalf("got %v before anything has failed", err)
	}
	if _, err := faults.Add(kit.Fault{Path: "broker/raft/group-meta", Times: -1}); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; err = readiness(ctx, node) {
		node.broker.Child(nameRaft).Child("group-meta").Tell("anything")
	}
	if !strings.Contains(err.Error(), "metadata log is offline") {
		t.Errorf("got %v, want it to say that the metadata log is offline", err)
	}
	if err := client.ProduceSync(ctx, kgo.StringRecord("after")).FirstErr(); err != nil {
		t.Errorf("produce without the metadata log: %v", err)
	}
}

// readiness asks a node over HTTP, and returns why it is not ready.
func readiness(ctx context.Context, node *Running) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node.AdminAddr()+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return err
}
