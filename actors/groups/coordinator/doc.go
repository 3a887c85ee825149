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
//	          group.Proposed, tick, cleanup, readOn, heal
//	sends     consumers.Ask, consumers.Tick, consumers.Expire, consumers.Forget, consumers.Written (groups);
//	          group.Propose (the partition's group); consumers.Answered, Listed (askers)
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
