// Package groups coordinates consumer groups: it keeps a coordinator for each partition of
// __consumer_offsets that this node leads, and knows which one a group belongs to.
//
//	actor     groups
//	parent    broker
//	children  coordinator-<partition>, expressions
//	owns      which coordinators there are
//	on panic  stopped with its children; the broker builds a new one, whose coordinators read the log
//	loses     rebalances under way; requests that wait are told to look for the coordinator again
//	mailbox   one by one
//	blocks    never
//	receives  consumers.Ask, metadata.ImageChanged, partition.Woken; coordinators.List, coordinators.Look,
//	          coordinators.Resubscribe, express
//	sends     consumers.Ask, consumers.Forget (coordinators); coordinators.Answered, coordinators.Listed
//	          (askers); partition.Wait (partitions); metadata.Subscribe
//
// Package coordinators says how it follows who leads.
//
// # What it refuses to be
//
// It makes no topic (package api does, when a client looks for a coordinator), and no state of a group passes
// through it. Imported by actors/broker and the request packages.
package groups
