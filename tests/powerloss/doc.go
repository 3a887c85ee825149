// Package powerloss cuts the power of a whole node and starts it again on what is left of its disk.
//
// The node is everything below the listener: storage, Raft host, metadata and partitions, on the crashing
// file system of storage/vfs, in an order of turns and at file operations that a seed decides. Simulated
// producers, plain, idempotent and transactional, remember what they were promised; after every start all of
// it is compared with what the node has. A failing seed is printed with the command that runs it again.
//
// The checker is checked too: on a disk whose Sync does nothing it has to find a broken promise.
//
// It has only tests and is imported by nobody.
package powerloss
