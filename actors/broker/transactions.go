package broker

import (
	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/metadata/image/features"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/transactions"
	"github.com/chronik-go/chronik/actors/transactions/coordinator"
)

// maxTransactionalIDs bounds the ids of one partition of __transaction_state.
const maxTransactionalIDs = 100_000

// transactionsSpec is how transactions are coordinated.
func (a *Actor) transactionsSpec(c *kit.Context) kit.Spec {
	settings := &a.options.Config.Transactions
	return transactions.Spec(transactions.Options{
		Table:    a.table,
		Image:    a.current.Image,
		Metadata: c.Self().Child(nameMetadata),
		Coordinator: coordinator.Options{
			Settings: &coordinator.Settings{
				MaxTimeout: settings.MaxTime, Retention: settings.IDExpiration, MaxIDs: maxTransactionalIDs,
				Generation: func() int16 { return int16(a.current.Image().Feature(features.TransactionVersion)) },
			},
			AbortInterval:   settings.AbortCheckInterval,
			CleanupInterval: settings.ExpiryCheckInterval,
			Metadata:        c.Self().Child(nameMetadata),
			Brokers:         c.Self().Child(nameBrokers),
			Leader:          a.leaderOf,
			Low:             a.storage.Space.Low,
			Metrics:         coordinator.NewMetrics(a.options.Registry),
		},
		Log: a.options.Log,
	})
}

// leaderOf returns which node leads a partition, as a coordinator.Leader. Any goroutine may call it.
func (a *Actor) leaderOf(topic string, index int32) (node int32, found, exists bool) {
	known := a.current.Image().Topic(topic)
	if known == nil {
		return partition.NoLeader, false, false
	}
	p, exists := known.Partition(index)
	if !exists {
		return partition.NoLeader, true, false
	}
	replica := a.table.LookupID(known.ID, index)
	return a.leaders.Newest(p.Group, replica, a.options.Config.NodeID).Node, true, true
}
