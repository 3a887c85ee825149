// Package write answers produce requests.
//
//	actor     write-<id>
//	parent    conn-<n>
//	children  none
//	owns      the answer to one produce request, its deadline, and the question to the coordinator of its
//	          transaction
//	on panic  stopped; the connection answers REQUEST_TIMED_OUT for every partition, at once
//	loses     the answers that it had gathered; the records are written all the same
//	mailbox   one by one
//	blocks    never
//	receives  group.Proposed, one per partition; brokers.Answered; again, expired
//	sends     brokers.Ask; Verified and Done to its parent, each once, and stops
//
// Begin checks a request in the turn of its connection and returns what is to be proposed; the connection
// sends the proposals itself, in order, with the write actor as the address for the answers. A request that
// is refused as a whole needs no actor.
//
// Transactional batches whose transaction has not begun in their partition are verified first (verify.go, and
// partition.Verification for why). Nothing of the request is proposed before that, and no later request of
// the connection either: a producer's batches stay in order.
//
// acks=1 is served like acks=-1: an append is answered when it is committed, and committing is the only
// append there is. acks=0 gets no answer, and an error closes the connection, as in Kafka.
//
// It refuses to keep anything across requests. Imported by actors/conn.
package write
