// Package wal is the write-ahead log of a data directory. All Raft groups of a node share it, and it is
// their Raft log: entries, hard states, configurations, checkpoints and tombstones, made durable with one
// write and one fdatasync for everything that waited.
//
// It is a pure library with one owner: no goroutines, no locks, no clock, no logger. It refuses to know
// what the entries mean, to retry anything after a failed write or sync, and to delete files that it did
// not name itself. It may be imported by the other packages under storage and by raftactor, which shares
// its types.
//
// # Bytes
//
// A log is a directory of files <sequence>.wal, and of <sequence>.spare files that wait to be used again.
// All integers are little endian. A file:
//
//	0      file header, 64 bytes, alone in its 512-byte sector
//	512    head: one frame with the small state of all groups and the list of needed older files
//	...    frames, each starting at a multiple of 512
//
//	file header                     frame header                      record
//	 0  magic       "CHRONWAL"       0  magic       u32 "CWF1"          0  crc       u32 of all that follows
//	 8  version     u32, now 2       4  crc         u32 of bytes 8-64   4  length    u32 of the payload
//	12  crc         u32 of the rest  8  incarnation u64 of the file     8  kind      u8
//	16  sequence    u64             16  sequence    u64, one per frame  9  type      u8, of the Raft entry
//	24  incarnation u64, random     24  durable     u64                10  zero      u16
//	32  zero                        32  length      u64 of the records 12  frame     u32, low half of it
//	                                40  records     u32                16  group     u64
//	                                44  flags       u32, 1 = head      24  term      u64
//	                                48  zero                           32  index     u64
//	                                64  records, one after the other   40  payload
//
//	kind          term        index       payload
//	1 entry       its term    its index   its data
//	2 hard state  term        commit      vote u64
//	3 conf state  -           -           as it came
//	4 checkpoint  its term    its index   length of conf u32, conf, machine
//	5 remove      -           -           -                                  the group is gone
//	6 live file   -           sequence    incarnation u64, end u64           heads only
//	7 state       -           -           see head.go                        heads only
//	8 reference   its term    its index   see reference.go                   its data lies elsewhere
//
// All checksums are CRC-32C. One Append is one frame. The checksum of an entry whose end was summed before is
// derived from that sum (sum.go) and is the same.
//
// Version 1 had no references. Its files are read as ever; a program that knows version 1 alone refuses those
// of version 2.
//
// # Data that lies elsewhere
//
// An entry's data may lie in another file of the data directory, where its machine wants it in the end; the
// log then holds a reference with its checksum (reference.go). Two promises of the caller carry that: the
// data was durable before Append was called with it, and nobody changes it there until the entry is dropped,
// durably. So to replay frames needs no look at other files, and a reference whose data does not match is
// corruption, which Load reports and which concerns one group. What entries refer to counts as bytes of the
// log wherever sizes decide something: when the next file is started, and how much a start has to apply
// again.
//
// # Old bytes in reused files
//
// Files are reused by overwriting, which makes fdatasync about twice as fast, so beyond the last frame lie
// frames of the file's previous life that look perfectly valid, and a torn frame may be a mixture of both.
// They are never taken for new ones: each life of a file has a random 64-bit incarnation. It is spelled out
// in each frame header, and the checksum of each record starts from it; moreover records name their frame.
// A checksum over the same bytes with another start always has another value, so an old record passes for a
// new one only if two random incarnations have the same CRC and the frame numbers agree as well. Within one
// life a frame number is used once, because no file is ever continued: each Open starts a new one.
//
// # Torn tail or corruption
//
// A crash may tear the frames that were not synced, and only those. Each frame says up to which frame the
// log was known to be durable when it was written. So a bad frame n is corruption if any valid frame of the
// same incarnation after it says durable >= n; otherwise nobody was told that n is safe, and the log ends
// before it. Close writes an empty frame for this purpose: after a clean stop every flipped bit is
// detected. After a crash a damaged last frame cannot be told from a torn one.
//
// Everything before the last file was complete when the next file was started, and the head of the newest
// file says where each older file ends: a bad record there is always corruption. A file gets its .wal name
// after its head is durable, so a bad head is corruption too.
//
// # Which files are needed
//
// The head repeats hard state, conf state and checkpoint of every group, and names the older files that
// hold entries after these checkpoints. So a file can be reused as soon as no group has such an entry in
// it; that happens when the next file is started, whose head no longer names it. Replay reads the head of
// the newest file, picks the entries that the head says exist out of the older files (the last one with a
// given index wins), and then applies the frames of the newest file one by one.
//
// # Room
//
// With at least one spare file at hand the log can always be opened and can always take what is needed to
// make room: starting a file uses up a spare, and gives back the file before unless that one holds live
// entries. Entries are only accepted while there are two files more than live ones, so after them, and
// after any number of crashes and starts, one spare is still there. See reserve.go.
package wal
