package arch

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/kit"
)

// spread is how many partitions it takes for a node to lead one of them.
const spread = 6

// embed makes the requests that actors of the same process make.
func embed(ctx context.Context, node *broker.Running) {
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "local", spread, 1
	create.Topics, create.TimeoutMillis = append(create.Topics, topic), 1000
	create.SetVersion(7)
	s, root := node.System(), node.Broker()
	_, _ = kit.Ask[broker.Responded](ctx, s, root, func(a kit.Address) any {
		return broker.Request{Body: create, ReplyTo: a}
	})
	for p := range int32(spread) {
		_, _ = kit.Ask[broker.Produced](ctx, s, root, func(a kit.Address) any {
			record := broker.Record{Value: []byte("one")}
			return broker.Produce{Topic: "local", Partition: p, Records: []broker.Record{record}, ReplyTo: a}
		})
	}
	_, _ = kit.Ask[broker.Fetched](ctx, s, root, func(a kit.Address) any {
		return broker.Fetch{Topic: "local", ReplyTo: a}
	})
}
