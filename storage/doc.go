// Package storage is the actor at the head of a data directory.
//
//	Card
//	Name      storage
//	Parent    broker
//	Children  wal, janitor
//	Owns      the lock of the data directory; hands the datadir.Dir to its parent with Opened
//	On panic  the node stops
//	Loses     nothing
//	Mailbox   one by one
//	Blocks    on disk, while it opens the data directory and replays the write-ahead log
//	Receives  janitor.Register, Unregister, CheckpointNow (for the janitor), walactor.Failed (wal),
//	          rebuild (private)
//	Sends     Opened or Failed (parent), and on to the janitor what is meant for it
//
// When it starts it locks the data directory, checks whose it is, replays the log, spawns its children and
// tells its parent Opened; or it tells Failed with a sentence for the operator. Later it tells Failed,
// once, when the log can no longer be written: the node must stop then, because what it would acknowledge
// might not be durable.
//
// A janitor that panics is made anew. Groups do not notice: they register with storage, which remembers
// them and tells the new one. If it keeps failing the node stops as well, since the log would grow without
// bound.
//
// Below this package, and usable without actors, are vfs (the seam to the file system), wal (the log),
// partitionlog (the segments of a partition) and datadir (lock and identity). walactor and janitor are the
// two children.
package storage
