// Package applier is the actor that applies committed Raft entries to a Machine, and holds what a Machine
// and its Preparer are. The core of a group decides what is committed; the applier does the work that may
// touch the disk, so a slow machine delays answers and nothing else.
//
// It refuses to know Raft (terms and indexes pass through it unexplained), to know what entries mean, and
// to repair a machine: one that fails takes its group down, and both are rebuilt from the last checkpoint.
// It may be imported by raftactor and raftactor/group, and by the packages that implement a Machine.
//
//	Name      applier
//	Parent    group-<name>
//	Children  none
//	Owns      the Machine, index, term and membership that its state stands for
//	On panic  its group fails too (escalation) and the host rebuilds both
//	Loses     what was applied since the last checkpoint; it is applied again from the write-ahead log.
//	          Waiters get group.ErrLostLeadership
//	Mailbox   batched: all Applies that wait become one call of the machine
//	Blocks    on disk, in the Machine
//	Receives  Apply, Position (group), janitor.Capture, janitor.Checkpointed (janitor, through the group),
//	          Share (host, through the group), Have, Take, Finish (catchup)
//	Sends     Applied (group), Proposed (askers), janitor.Captured (janitor), Shared (host), Held, Taken,
//	          Finished (catchup)
package applier
