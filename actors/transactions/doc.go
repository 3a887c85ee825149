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
//	receives  coordinator.Ask, List, metadata.ImageChanged, partition.Woken, look, resubscribe
//	sends     coordinator.Ask (coordinators); coordinator.Answered, Listed (askers); partition.Wait
//	          (partitions); metadata.Subscribe
//
// # Following leadership
//
// A coordinator lives for one term of leadership: from when the partition's group accepts proposals until its
// leadership changes. The manager has itself woken by the replicas when that happens. Since a replica may
// appear only after the image has told of it, the manager also looks by itself once a second, and whenever
// a request comes for a partition without a coordinator.
//
//	replica on this node        coordinator      next
//	leads, ready                none             one is built
//	leads in another term       of the old term  it is stopped, then another one is built
//	does not lead, or is gone   any              it is stopped
//	leads, ready                has failed       another one is built after a pause
//
// # What it refuses to be
//
// It makes no topic (package api does, when a client looks for a coordinator), and no transaction passes
// through it. Imported by actors/broker and the request packages.
package transactions
