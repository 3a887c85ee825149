// Package coordinators is what the actors groups and transactions have in common: each keeps one coordinator
// for every partition of an internal topic that this node leads, and knows which of them a key belongs to.
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
// A Set belongs to one actor, which passes on to it what it receives: partition.Woken, Look, Resubscribe,
// List, and that children fail and end. It is no actor itself. Answered is how a coordinator of either kind
// answers its requests.
package coordinators
