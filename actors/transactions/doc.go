// Package transactions coordinates transactions: it keeps a coordinator for each partition of
// __transaction_state that this node leads, and knows which one a transactional id belongs to.
//
//	actor     transactions
//	parent    broker
//	children  coordinator-<partition>
//	owns      which coordinators there are
//	on panic  stopped with its children; the broker builds a new one, whose coordinators read the log
//	loses     requests under way: clients are told to look for the coordinator again
//	mailbox   one by one
//	blocks    never
//	receives  coordinator.Ask, metadata.ImageChanged, partition.Woken; coordinators.List, coordinators.Look,
//	          coordinators.Resubscribe
//	sends     coordinator.Ask (coordinators); coordinators.Answered, coordinators.Listed (askers);
//	          partition.Wait (partitions); metadata.Subscribe
//
// Package coordinators says how it follows who leads.
//
// # What it refuses to be
//
// It makes no topic (package api does, when a client looks for a coordinator), and no transaction passes
// through it. Imported by actors/broker and the request packages.
package transactions
