// Package coordinator coordinates the transactions of one partition of __transaction_state that this node
// leads.
//
//	actor     coordinator-<partition>
//	parent    transactions
//	children  none: see below
//	owns      the transactional ids of the partition, what is written about them, the markers to be sent
//	on panic  stopped; the manager builds a new one, which reads the log
//	loses     requests under way: clients are told to look for the coordinator again
//	mailbox   batched: what the ids write in a turn leaves as one record batch, and what goes to one broker as
//	          one request
//	blocks    on disk while it reads the log, about a megabyte at a time
//	receives  Ask, List, group.Proposed, metadata.ProducerIDAllocated, metadata.Submitted, brokers.Answered,
//	          readOn, look, cleanup, again
//	sends     coordinators.Answered, Listed (askers); group.Propose (the partition's group);
//	          metadata.AllocateProducerID, metadata.Submit; brokers.Ask
//
// What a request does is decided by a machine that knows no actor (core), and for each id by package
// transaction.
//
//	body of Ask        result of coordinators.Answered
//	transaction.Init   transaction.Producer
//	Add                none, Code alone
//	Verify             []protocol.Code, one for each place; Code refuses all
//	transaction.End    transaction.Producer, that of the next transaction
//	Describe           Description
//
// # Why an id is no actor
//
// There may be a hundred thousand ids, each of which writes a record for each thing it does: everything
// about it waits for this actor's log all the same. A hop to an actor of its own would buy isolation from a
// failure in the machine alone, and that would come again as soon as the id is read from the log, since all
// it knows is there.
//
// # Reading the log
//
// The coordinator is started when the partition's group accepts proposals, so all that was ever committed
// is in the log. It reads it whole and keeps the newest record of each id. Requests are told
// COORDINATOR_LOAD_IN_PROGRESS meanwhile. Ends that were decided are carried on with.
//
// # A write whose outcome is not known
//
// Leadership was lost before the write was committed, and a later leader may yet commit it. Then memory is
// worth nothing any more: requests are answered NOT_COORDINATOR and the coordinator stops. If this node
// leads the partition again, a new one reads the log.
//
// # Markers
//
// When an end is committed the leaders of all partitions of the transaction are told, by WriteTxnMarkers. The
// client has its answer when all of them know, so that whoever asks next sees what was committed; or after
// holdTime, if a partition cannot be told by then, as Kafka does at once.
//
//	the partition answers             what follows
//	none                              it is told
//	INVALID_PRODUCER_EPOCH            it is told: it knows the end, or one that came later
//	TRANSACTION_COORDINATOR_FENCED    a later coordinator is at work; this one will learn so. It tries again
//	anything else, or nothing         it is told again, with growing waits, wherever the leader is then
//	has no leader                     the same
//	is not known to this node         it counts as told once the controller confirms that there is none:
//	                                  this node may only be behind
//
// A producer whose transaction is decided begins the next one at once, and finds its partitions still being
// told. Its request waits for the end for a moment, which is shorter than the pause that a client makes
// which is told CONCURRENT_TRANSACTIONS.
//
// # Bounds
//
//	what                              bound            what happens there
//	record of one id                  largest message  UNKNOWN_SERVER_ERROR; room is kept for the end
//	records of one batch              writeBytes       further ones go into the next batch
//	requests to one broker            maxFlying        further markers wait and go together
//	markers of one request            maxMarkers       further ones go into the next request
//	requests for slow partitions      maxSlow          further ones wait; each partition has one
//	requests that wait for an end     maxParked        CONCURRENT_TRANSACTIONS at once, else after parkTime
//	answers to ends that are held     one for an id    after holdTime the client has its answer
//	requests that wait for a new id   maxNeedy         COORDINATOR_LOAD_IN_PROGRESS
//	ids                               MaxIDs           new ones are told COORDINATOR_NOT_AVAILABLE
//	bytes read in one turn            readBytes        the next turn goes on
//
// A Summary is what a list shows. It refuses to know who leads a partition, and Kafka's requests beyond
// WriteTxnMarkers. Imported by actors/transactions and the request packages.
package coordinator
