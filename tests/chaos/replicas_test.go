package chaos

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// awaitReplicas waits until every replica is in sync with its leader, also of the metadata log: then a node
// may lose its disk without a record being lost. It returns false if that takes too long for now.
func (c *campaign) awaitReplicas() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Topics that are made and removed all the time have it look again.
	return c.world.nodes[0].alive().await(ctx, func() bool { return c.replicated(ctx) })
}

func (c *campaign) replicated(ctx context.Context) bool {
	want := len(c.world.nodes)
	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.prober)
	if err != nil {
		return false
	}
	for _, topic := range metadata.Topics {
		for _, p := range topic.Partitions {
			if topic.Topic != nil && strings.HasPrefix(*topic.Topic, "temporary") {
				continue
			}
			if len(p.ISR) != want || len(p.Replicas) != want {
				return false
			}
		}
	}
	quorum, err := quorumRequest().RequestWith(ctx, c.prober)
	if err != nil || quorum.ErrorCode != 0 || len(quorum.Topics) == 0 || len(quorum.Topics[0].Partitions) == 0 {
		return false
	}
	p := &quorum.Topics[0].Partitions[0]
	for _, voter := range p.CurrentVoters {
		if voter.LogEndOffset < p.HighWatermark {
			return false
		}
	}
	return len(p.CurrentVoters) == want
}
