// Package vfs is the one seam between Chronik and the file system: everything that the storage packages do
// to files goes through [FS] and [File].
//
// Three implementations live here. [OS] is the real one: positioned vectored writes, fdatasync, fallocate,
// flock and statfs. [Mem] keeps files in memory and knows what a crash does to them: [Mem.CrashClone]
// returns what a machine would find on its disk after losing power at this moment. [NewFaulty] wraps
// another file system and lets a test fail, shorten or delay any single operation.
//
// # The durability contract
//
// Storage code is written against the weakest promises that real file systems keep, and Mem breaks
// everything beyond them at random:
//
//   - What was written to a file is durable after File.Sync returned nil, and so is the length that is
//     needed to read it back. Before that each 512-byte sector of each write may be old, new or, past the
//     old end, zero.
//   - A name (created, renamed, removed, made a directory) is durable after FS.SyncDir of the directory that
//     holds it. Before that each of these changes may or may not have happened. Syncing the file does not
//     sync its name.
//   - A rename happens entirely or not at all.
//   - Preallocated bytes that were never written read as zero.
//   - After a failed Sync nothing is known about the writes before it, and a second Sync proves nothing.
//
// The package refuses to be a general file library: no directory walking, no permissions, no links, no
// appending writes, no file position. Paths use forward slashes.
//
// It may be imported by every storage package and by tests; it imports nothing of ours.
package vfs
