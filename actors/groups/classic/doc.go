// Package classic is a consumer group of the classic protocol, in which one of the members makes the
// assignment, as a machine: requests and the time go in, Effects come out. It is pure.
//
//	state                  request or event                         next
//	Empty                  a member joins                           PreparingRebalance, for the initial delay
//	PreparingRebalance     all have joined, or time is up           CompletingRebalance; Empty without members
//	CompletingRebalance    the leader's assignment is committed     Stable
//	CompletingRebalance    a member joins, leaves or is silent      PreparingRebalance; waiting syncs end
//	Stable                 a member joins anew, leaves, is silent   PreparingRebalance
//	Stable                 a static member comes back unchanged     Stable, after its new id is committed
//	Empty, Dead            the group is deleted                     Dead, for good
//
// A member is heard of by heartbeats, and counts as heard while its join or sync waits for an answer. An id
// that was given out and has not joined yet (KIP-394) lives for one session.
//
//	file         holds
//	group.go     the group, its members, who is who
//	join.go      JoinGroup
//	static.go    members with an instance id that come back (KIP-345)
//	rebalance.go from one generation to the next
//	sync.go      SyncGroup, and what becomes of the assignment
//	session.go   Heartbeat, LeaveGroup, and those who are silent
//	record.go    the group as it is written to the log
//
// The rules and codes are those of KIP-62, KIP-345, KIP-394, KIP-559 and KIP-814.
//
// It refuses to know actors, clocks, offsets and the log. Imported by actors/groups/consumers.
package classic
