// Package group is one replica of a Raft group: the actor "group-<name>" around a pure core.
//
// Core (core.go and the files around it) is a step machine on go.etcd.io/raft: a call goes in, Effects come
// out. The actor carries the effects out as messages to the write-ahead log, the applier, the links to
// peers, and those who asked. Storage is asynchronous throughout: the core never waits for the disk, and
// several appends and applies may be under way.
//
// It refuses to know what is replicated (Machine and Preparer do), to touch disk or network, and to keep
// time: ticks come from the host, and only while there is something that time could change. It may be
// imported by raftactor and by those who propose.
//
//	Name      group-<name>
//	Parent    raft
//	Children  applier; catchup while this replica fetches the state of another one
//	Owns      raft's state of one replica, the tail of its log, the Preparer, the waiters not handed over
//	On panic  core and applier are one unit: both stop, all waiters are answered, the host rebuilds them
//	Loses     leadership; proposals not committed. Nothing that was acknowledged
//	Mailbox   batched: all proposals that wait enter raft as one message
//	Blocks    never
//	Receives  Propose, Want, Transfer, DescribeMembers, TellMembers (anybody), Step, Unreachable (links),
//	          Tick, Campaign, NodeChanged, ReplicaLost, Resign (host), walactor.Loaded, walactor.Appended,
//	          walactor.Embedded (wal), applier.Applied (applier), catchup.Done (catchup), janitor.Capture,
//	          janitor.Checkpointed (janitor), applier.Share (host; these three are passed on to the applier)
//	Sends     walactor.Load, walactor.Append, walactor.Embed (wal), applier.Apply, applier.Position (applier),
//	          Send (links), Awake (host), LeaderChanged, MembersChanged, CaughtUp (Events), Proposed,
//	          Transferred, MembersDescribed (askers), janitor.Register, janitor.Unregister (janitor)
//
// # What happens to a proposal
//
//	Propose ─ refused: ErrNotLeader, ErrBusy, or the Preparer's error; nothing happened
//	   ├─ waits while the leadership is handed over, and is then refused with the name of the next leader
//	   ├─ Confirm, or what the Preparer wants confirmed: answered once an entry that comes after is applied
//	   └─ prepared ─ in raft's log ─ leadership lost: ErrLostLeadership
//	                     └─ committed, handed to the applier ─ the unit dies: ErrLostLeadership
//	                                            └─ applied: result
//
// # Files
//
//	core.go, ready.go    raft's step machine and its effects
//	propose.go           proposals and those who wait for them
//	election.go          who stands for election, and when
//	role.go              what follows from leading, and when a group may sleep
//	members.go           from the present membership to the one that is wanted
//	insync.go            who has everything
//	transfer.go          handing the leadership over
//	install.go, fetch.go a state in place of entries that are gone
//	tail.go, recover.go  the log in memory, and after a restart
//
// # A dead unit and its appends
//
// A unit that is rebuilt loads its state through the mailbox of the write-ahead log. The dead unit has put
// its appends into the same mailbox before, since the host starts the new one only after the old one is
// gone (kit.Terminated): so Load returns everything that the dead unit has asked to be written, whether
// or not it was acknowledged, and nothing can be written behind the new unit's back. This matters: if an
// append of the dead unit could reach the log after Load, the new unit would hold a shorter log than the
// disk, and might vote as if entries that it has acknowledged, or a vote that it has given, did not exist.
//
// Answers to the dead unit are not taken for answers to the new one: an Address means one incarnation of
// an actor, and tokens carry the incarnation as well, for answers that take a detour.
package group
