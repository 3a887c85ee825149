// Package coordinator coordinates the groups of one partition of __consumer_offsets that this node leads.
//
//	actor     coordinator-<partition>
//	parent    groups
//	children  consumers-<group>.<n>
//	owns      which groups there are; the writes of all groups to the partition; their wake-ups
//	on panic  stopped with its groups; the manager builds a new one, which reads the log
//	loses     rebalances under way; requests that wait are told to look for the coordinator again
//	mailbox   batched: what the groups write in a turn leaves as one record batch
//	blocks    on disk while it reads the log, about a megabyte at a time
//	receives  consumers.Ask, consumers.Write, consumers.WakeAt, consumers.Vacant, consumers.Forget, List,
//	          group.Proposed, partition.Woken, tick, cleanup, readOn, followOn, heal
//	sends     consumers.Ask, consumers.Tick, consumers.Expire, consumers.Forget, consumers.Written,
//	          consumers.EndTransaction (groups); group.Propose (the partition's group); partition.Wait (the
//	          partition); coordinators.Answered, Listed (askers)
//
// # Reading the log
//
// The coordinator is started when the partition's group accepts proposals, so all that was ever committed is
// in the log. It reads from the start to the end that the log has then, keeps the newest value of each key,
// and builds an actor for each group. Requests are told COORDINATOR_LOAD_IN_PROGRESS meanwhile.
//
// A group that fails is read in the same way, alone, after all writes that were under way when it ended have
// been answered: its successor knows everything that its clients were told.
//
// # Transactions
//
// What a group writes in a transaction leaves as a batch of its own, with the producer's id and epoch. The
// marker that ends it comes from the coordinator of the transaction, by way of the partition's group and not
// through this actor. So while there are open transactions here, it reads on in the log as it grows, from
// where the first of them began, and tells the groups of every marker that it finds. Neither a request that
// is lost between two actors nor a failure in between can thus leave offsets pending, and what is told in
// which order is decided by the log alone.
//
//	found                                            what follows
//	a marker, no write of its producer is under way  the groups concerned are told
//	a marker while one is                            the search waits: the write may stand before the marker
//	the answer to that write                         first all markers before it are told, then the write
//	a request for offsets, once it is confirmed      first all markers that are committed are told
//
// # Reading offsets
//
// Who asks for offsets is answered from memory, but not at once. A node that was frozen or cut off may take
// itself for the leader while another one has led since, and taken newer offsets; who was given older ones
// would read records twice, or all of them where a group seems to have none. So the coordinator asks the
// partition's group first, which confirms that a majority follows this leader. One question is under way at a
// time, and those that come meanwhile share the next.
//
// # A write whose outcome is not known
//
// Leadership was lost before the write was committed, and a later leader may yet commit it. Then memory is
// worth nothing any more: the writers are answered NOT_COORDINATOR and the coordinator stops. If this node
// leads the partition again, a new one reads the log.
//
// # Bounds
//
//	what                     bound                    what happens there
//	records of one write     max.message.bytes        MESSAGE_TOO_LARGE to the group
//	records of one batch     writeBytes               further ones go into the next batch
//	bytes read in one turn   readBytes                the next turn goes on
//
// It refuses to know what a group is beyond its name. Imported by actors/groups and the request packages.
package coordinator
