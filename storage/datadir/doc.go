// Package datadir opens a data directory: it takes the lock that keeps a second process out, and reads, or
// on first use writes, the identity card of the directory. A directory that belongs to another node or
// cluster, to another program, or to a newer version is refused with a sentence that says what to do.
//
//	.lock             held while the node runs; contains the process id
//	meta.properties   the identity card, in the manner of Kafka's file of that name:
//
//	# Identity of a Chronik data directory. Written by the node; do not edit.
//	format=chronik
//	version=1
//	node.id=1
//	directory.id=oFoBAm9dTbCUnMPJOFGHZg      made up on first use, never changes
//	cluster.id=MkU3OEVBNTcwNTJENDM2Qk        missing until the node has formed or joined a cluster
//	founders=1:oFoBAm9dTbCUnMPJOFGHZg,2:...  missing unless the node took part in founding a cluster
//	incarnation=1                            of the node's metadata replica; missing until it has one
//
// Keys that this version does not know are kept. The file is replaced as a whole, by rename, so a crash
// leaves the old or the new one.
//
// The package refuses to know what else is in the directory, and deletes nothing. It may be imported by the
// storage actor, by the broker, and by tools.
package datadir
