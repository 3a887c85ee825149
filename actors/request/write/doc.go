// Package write answers produce requests.
//
//	actor     write-<id>
//	parent    conn-<n>
//	children  none
//	owns      the answer to one produce request, and its deadline
//	on panic  stopped; the connection answers UNKNOWN_SERVER_ERROR for every partition
//	loses     the answers that it had gathered; the records are written all the same
//	mailbox   one by one
//	blocks    never
//	receives  group.Proposed, one per partition; expired
//	sends     Done to its parent, once, and stops
//
// Begin checks a request in the turn of its connection and returns what is to be proposed; the connection
// sends the proposals itself, in order, with the write actor as the address for the answers. A request that
// is refused as a whole needs no actor.
//
// acks=1 is served like acks=-1: an append is answered when it is committed, and committing is the only
// append there is. acks=0 gets no answer, and an error closes the connection, as in Kafka.
//
// It refuses to keep anything across requests. Imported by actors/conn.
package write
