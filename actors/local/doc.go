// Package local serves actors of this process: what a connection is to a client, without a socket.
//
//	actor     local
//	parent    broker
//	children  write-<id>, call-<id>, pull-<id>
//	owns      who waits for an answer; who watches which partition
//	on panic  rebuilt by the broker; everybody who waits is told
//	loses     watches, whose askers are told, and what was under way: as a connection that breaks
//	mailbox   one by one
//	blocks    no
//	receives  Produce, Request, Unwatch, pull.Fetch, pull.Watch, pull.Next, write.Verified,
//	          write.Done, request.Done
//	sends     Produced, Responded; group.Propose to the partitions; Fetched and Arrived in place of a pull
//
// A Produce takes the way of a client's produce request with acks=all: the same checks, the same actors, and
// Produced comes when the records are on the disks of a majority. The appends of one sender are proposed in
// the order in which they were told; those of a transaction wait while an earlier one of it is verified with
// its coordinator. A Request is any other request of Kafka's protocol.
//
// The memory of the records comes out of the budget that all connections share; where there is no room the
// answer is an error, at once.
//
// It refuses to find other brokers: what is led elsewhere answers NOT_LEADER_OR_FOLLOWER, and LeaderChanged
// of actors/broker says where to go; a Kafka client over an in-memory network does all that by itself.
// Imported by actors/broker.
package local
