// Package kit is the actor framework as the rest of the broker sees it: the only package that imports
// protoactor-go. It takes the sharp edges off and leaves a small set of rules.
//
//	hazard of the framework                 what kit does
//	restart keeps a half-broken actor       a failed actor is stopped; its parent rebuilds it (Restarts)
//	queued messages vanish at a stop        they are refused: Refusable.Refuse, exactly once
//	messages to a stopped actor vanish      refused the same way
//	supervision is silent                   failures are logged with their stack and counted
//	SetReceiveTimeout and Future race       Context.After and Every, Pending, Ask at the rim only
//	Stash loses order and sender            Postponed
//	one message per turn                    Batched mailbox: all that waits comes as one Batch
//	unbounded mailboxes                     Budget: memory is taken before a message is made
//
// # Rules
//
// A message belongs to its receiver once told. Order is kept from one sender to one receiver. A request
// carries the Address to answer to and a token that comes back with the answer; the asker keeps the time.
// A turn never blocks on the network. Children are named; paths are identities in logs and metrics.
//
// # What it refuses to be
//
// It knows nothing of Kafka, Raft or storage, offers no remoting and no persistence. Everything above
// protocol may import it.
package kit
