// Package partition is one replica of one topic partition on this node: the state machine that its
// Raft group drives, the handle through which everybody else sees it, and the actor that keeps who
// waits for it.
//
//	actor     partition-<topic>-<index>
//	parent    partitions
//	children  none
//	owns      the waiters of this replica, its published leadership, the deletion of its directory
//	on panic  stopped; the manager builds a new one, which asks the group for its leadership again
//	loses     waiters: fetches that wait run into their own deadline and answer with what there is
//	mailbox   one by one
//	blocks    on disk, only while it deletes its directory
//	receives  Wait, Unwait, advanced, SetMembers, Delete, group.LeaderChanged, group.MembersChanged,
//	          raftactor.Started, raftactor.Described, raftactor.Offline, raftactor.Stopped
//	sends     Woken to waiters, Led and Deleted to the manager, raftactor.Start and Stop to the host,
//	          group.Want and group.TellMembers to the group
//
// # What can be asked of the group
//
// Requests go to Replica.Core inside a group.Propose; their answers come back as the result of
// group.Proposed.
//
//	request             result                when
//	Append              Appended              the batch is committed, or was there already
//	EndTransaction      EndedTransaction      the marker of a transaction is committed
//	DeleteRecords       DeletedRecords        the log start has moved, or was there already
//	ExpireProducers     ExpiredProducers      producers are forgotten, or there were none to forget
//	DescribeProducers   DescribedProducers    at once, out of the leader's table
//
// # The machine
//
// Entries of the group are either a record batch, exactly as it will stand in the segment, or a
// command. They are told apart by their first byte: a batch starts with the most significant byte of
// its base offset, which is never 0xff.
//
//	batch    | 61-byte header, stamped with offset and leader epoch | records |
//	command  | 0xff | version 1 | kind | protocol fields ... |
//	           kind 1: new log start offset, int64 big endian
//	           kind 2: expire producers silent since before a time, int64; offset of the next record, int64
//
// The leader's Preparer checks sequences and transactions and stamps offsets against the tail of the log
// (applied plus proposed); the Machine appends what is committed. Both run the same producer rules, so every
// replica ends in the same state. What the Preparer refuses for what it knows is told once a majority has
// confirmed that it still leads; a producer that it does not know is asked to come again (strangers.go).
//
// A replica that is too far behind for the entries of the group gets the missing range of offsets out of
// another replica's segments (restore.go); the pieces are partitionlog's.
//
// # Who leads
//
// A Leadership is what somebody knows at some moment: the Replica has what its own group told it, and Leaders
// has the best that this node knows of every partition of the cluster. Who is in sync only a leader
// knows, since it measures what its followers have acknowledged; nobody takes it from the configuration.
//
// # What it refuses to be
//
// It does not parse requests, knows no connection and keeps no timer. It is imported by
// actors/partitions, the request packages and actors/conn.
package partition
