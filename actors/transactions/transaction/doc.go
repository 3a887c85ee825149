// Package transaction is one transactional id as a machine: what its producer may do, what is written about
// it, and which partitions have to be told how a transaction ended (KIP-98, KIP-360, KIP-890).
//
//	state            means                                        next
//	Empty            the producer has its id, nothing was begun   Ongoing, PrepareAbort *
//	Ongoing          partitions belong to the transaction         Ongoing, PrepareCommit, PrepareAbort
//	PrepareCommit    it is committed; partitions are being told   CompleteCommit
//	PrepareAbort     it is aborted; partitions are being told     CompleteAbort
//	CompleteCommit   all partitions know                          Empty, Ongoing, PrepareAbort *
//	CompleteAbort    all partitions know                          Empty, Ongoing, PrepareAbort *
//
//	* in the second generation, to have the epoch bumped without a transaction
//
// Dead and PrepareEpochFence have numbers in Kafka's format and are never written.
//
// # What is written first
//
// Every method that changes something returns a Step with a record to be written. Nothing has changed until
// the owner calls Written; until then the id is busy and other requests are told CONCURRENT_TRANSACTIONS.
// The record of PrepareCommit or PrepareAbort decides: from there on the end is the same whoever carries it
// out, and whatever was told to the partitions before is told again. That of CompleteCommit or
// CompleteAbort says that nobody has to be told any more.
//
//	crash                                       what the next owner finds    what it does
//	before PrepareCommit is written             Ongoing                      the client asks again, or it takes
//	                                                                         too long
//	after it, before, between or after markers  PrepareCommit                it tells all partitions
//	before CompleteCommit is written            PrepareCommit                the same once more
//	after it                                    CompleteCommit               nothing
//
// The same holds for an abort.
//
// # Generations
//
// In the first, the epoch of a producer changes when it is initialized and when it is fenced. In the second
// (transaction.version 2) each end of a transaction bumps it, so that a message of one transaction can
// never pass for one of the next; markers carry the new epoch. The highest epoch is never given to a
// producer, so that the last one can still be fenced; one that would need it gets a new id.
//
// The package is pure and refuses to know clocks, the log and other ids. Imported by the packages of
// actors/transactions and the request packages.
package transaction
