// Package sim runs whole clusters in one process and in virtual time, and breaks them.
//
//	go test ./tests/sim                                           seeds for 25 s, and the same seed twice
//	go test ./tests/sim -run TestSeeds -seed 7 -seeds 1 -story    one seed, with all that happens in it
//	go test -tags simbugs -run Planted ./tests/sim                can the checks find anything?
//	make sim                                                      new seeds for SIMTIME, on all processors
//
// # What runs
//
// Three or five brokers, each the tree of actors/broker as it is shipped. Only what touches the world is
// replaced, at seams that the production code has:
//
//	in place of           here                   what it does besides
//	the dispatcher        scheduler, life        one goroutine; the next turn is drawn from the seed
//	the clock             scheduler, clock       moves when nobody has anything to do; may be wrong
//	gRPC between nodes    wire, port, pull       delays, blocks ways, resets; loses raft's messages
//	the disk              disk (vfs.Mem)         tears what was not synced; errors, no room, slow syncs
//	crypto/rand           testing/cryptotest     ids and raft's time-outs come from the seed
//	the Kafka listener    actors/local           clients send messages, which meet the same handlers
//
// Frames between nodes are encoded and decoded as on a network, and what two nodes say and make of it is
// the code of package link and its server. Of the real thing are missing: gRPC, sockets, the connection
// actors, HTTP.
//
// # What happens in a run
//
//	form     the nodes start within 2 s of each other, in any order
//	work     clients write, read and commit (plain, idempotent, transactional, reader, committer) while
//	         the nemesis breaks something every few seconds; see faults for the list
//	repair   everything is repaired, and within two minutes all nodes serve, all clients have what they
//	         wanted, and all replicas are in sync
//	check    each record that was acknowledged is there, once, in order; transactions are whole or not
//	         there; readers have seen what is there; the files of all replicas are the same; the offsets
//	         of groups are the newest
//
// While it runs: a node shows no high watermark below one that it has shown, offsets of groups do not go
// back, no group has two leaders in a term, nobody loses an idempotent producer, no actor breaks an
// invariant, and no node gives up but for its disk.
//
// # One seed, one run
//
// A seed decides everything; the digest of all messages, with receiver and time, proves it. What would break
// that in production code: a range over a map that sends, spawns or writes (kit.InOrder), the global
// functions of math/rand (kit.Random), the time of the machine, a goroutine.
//
// # When a seed fails
//
// The failure prints the last faults and the command that runs the seed again. A seed means the same run
// only as long as the code that runs is the same, so a list of those that have failed would soon mean
// nothing. What one has found gets a test of its own, as small as can be, and is planted again, if it can be,
// among the bugs that new seeds have to find.
//
// It has only tests and is imported by nobody.
package sim
