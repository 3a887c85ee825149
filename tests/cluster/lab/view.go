package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/admin"
)

// Status is what is read of a node's GET /admin/status.
type Status struct {
	NodeID     int32  `json:"node_id"`
	ClusterID  string `json:"cluster_id"`
	Ready      bool   `json:"ready"`
	Controller int32  `json:"controller"`
	Replicas   int    `json:"replicas"` // on this node
	Leaders    int    `json:"leaders"`  // replicas on this node that lead
	Offline    int    `json:"offline"`
}

// Status asks a node how it is.
func (n *Node) Status(ctx context.Context) (Status, error) {
	var status Status
	body, err := n.get(ctx, "/admin/status")
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(body, &status)
}

// Ready asks a node whether it serves.
func (n *Node) Ready(ctx context.Context) error {
	_, err := n.get(ctx, "/readyz")
	return err
}

func (n *Node) get(ctx context.Context, path string) ([]byte, error) {
	return n.call(ctx, http.MethodGet, path, nil)
}

func (n *Node) call(ctx context.Context, method, path string, content []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+n.HTTP+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set(admin.APIKeyHeader, APIKey)
	transport := &http.Transport{DialContext: n.cluster.Dial, DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("node %d: %s: %s %s", n.ID, path, response.Status, body)
	}
	return body, err
}

// answerTime bounds one question to one node.
const answerTime = 2 * time.Second

// Ask sends a request to this node and no other, and never again.
func (n *Node) Ask(parent context.Context, request kmsg.Request) (kmsg.Response, error) {
	client, err := kgo.NewClient(append(n.cluster.Impatient(n.Kafka), kgo.RequestRetries(0))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(parent, answerTime)
	defer cancel()
	response, err := client.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("ask node %d: %w", n.ID, err)
	}
	return response, nil
}

// Partition is a partition as a node describes it to clients.
type Partition struct {
	Leader                    int32 // -1 if there is none
	Epoch                     int32
	Replicas, InSync, Offline []int32
}

// View is what a node tells clients about topics: partitions by name and number.
type View map[string][]Partition

// View asks a node for topics.
func (n *Node) View(ctx context.Context, topics ...string) (View, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = &topic
		request.Topics = append(request.Topics, one)
	}
	answer, err := n.Ask(ctx, request)
	if err != nil {
		return nil, err
	}
	view := make(View)
	for _, topic := range answer.(*kmsg.MetadataResponse).Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return nil, fmt.Errorf("node %d about %s: %w", n.ID, *topic.Topic, err)
		}
		partitions := make([]Partition, len(topic.Partitions))
		for _, p := range topic.Partitions {
			slices.Sort(p.ISR)
			partitions[p.Partition] = Partition{p.Leader, p.LeaderEpoch, p.Replicas, p.ISR, p.OfflineReplicas}
		}
		view[*topic.Topic] = partitions
	}
	return view, nil
}

// LedBy are the partitions that the node leads.
func LedBy(id int32, partitions []Partition) []int32 {
	var led []int32
	for number, p := range partitions {
		if p.Leader == id {
			led = append(led, int32(number))
		}
	}
	return led
}

// wrong says what is wrong with a view in which every partition should have a leader and all its replicas in
// sync.
func (v View) wrong(topics []string) error {
	for _, topic := range topics {
		for number, p := range v[topic] {
			if p.Leader < 0 || len(p.InSync) < len(p.Replicas) || len(p.Offline) > 0 {
				return fmt.Errorf("%s-%d: leader %d, replicas %d, in sync %d, offline %d",
					topic, number, p.Leader, p.Replicas, p.InSync, p.Offline)
			}
		}
	}
	return nil
}

// AwaitInSync returns when every running node says that all replicas of the topics are in sync and that the
// same nodes lead them, with this common view.
func (c *Cluster) AwaitInSync(within time.Duration, topics ...string) View {
	c.t.Helper()
	var view View
	c.Until(within, "all replicas in sync", func(ctx context.Context) (err error) {
		view, err = c.healthy(ctx, topics)
		return err
	})
	return view
}

// AwaitPreferred returns when, besides, every partition is led by its preferred replica.
func (c *Cluster) AwaitPreferred(within time.Duration, topics ...string) View {
	c.t.Helper()
	var view View
	c.Until(within, "preferred leaders", func(ctx context.Context) (err error) {
		if view, err = c.healthy(ctx, topics); err != nil {
			return err
		}
		for _, topic := range topics {
			for number, p := range view[topic] {
				if p.Leader != p.Replicas[0] {
					return fmt.Errorf("%s-%d: node %d leads, %d would be preferred", topic, number, p.Leader, p.Replicas[0])
				}
			}
		}
		return nil
	})
	return view
}

func (c *Cluster) healthy(ctx context.Context, topics []string) (common View, err error) {
	for _, n := range c.Running() {
		view, err := n.View(ctx, topics...)
		if err != nil {
			return nil, err
		}
		if err := view.wrong(topics); err != nil {
			return nil, fmt.Errorf("node %d says %w", n.ID, err)
		}
		if common == nil {
			common = view
		}
		for _, topic := range topics {
			if p := firstDifference(common[topic], view[topic]); p >= 0 {
				return nil, fmt.Errorf("node %d says of %s-%d %s, another %s", n.ID, topic, p,
					describe(view[topic], p), describe(common[topic], p))
			}
		}
	}
	return common, nil
}

// firstDifference is the first partition with another leader or epoch, or -1.
func firstDifference(a, b []Partition) int {
	for number := range max(len(a), len(b)) {
		if number >= len(a) || number >= len(b) {
			return number
		}
		if a[number].Leader != b[number].Leader || a[number].Epoch != b[number].Epoch {
			return number
		}
	}
	return -1
}

func describe(partitions []Partition, number int) string {
	if number >= len(partitions) {
		return "nothing"
	}
	return fmt.Sprintf("%+v", partitions[number])
}
