// Package modern is a consumer group of the newer protocol (KIP-848), in which the coordinator makes the
// assignment, as a machine: requests, the time and the topics of the cluster go in, answers and records for
// the log come out. It is pure, and all its calls answer at once.
//
// The group has an epoch, which counts what may change the assignment: members that come and go,
// subscriptions, topics. For each epoch there is a target assignment, and every member is led to its part of
// it by its own heartbeats: first it gives back what it is not to have any more, then it gets what is free.
//
//	state of the group   while
//	Empty                nobody is in it
//	Assigning            its epoch has no target assignment yet
//	Reconciling          a member is on its way to the target
//	Stable               all members have what they are to have
//	Dead                 it is gone for good
//
//	state of a member    event                                         next
//	stable               there is a newer target, it must give back   unrevoked, in its old epoch
//	stable               the same, nothing to give back               stable or unreleased, in the new epoch
//	unrevoked            a heartbeat without what is to be given back   as from stable
//	unrevoked            the rebalance timeout is over                out of the group
//	unreleased           a partition that it waits for became free    unreleased or stable
//	any                  not heard of for a session                   out of the group
//	any                  a static member leaves for a while (-2)      its partitions are kept for a session
//
// A partition belongs to who has it or has yet to give it back, and is given to nobody else meanwhile.
//
// # Members that speak the classic protocol
//
// They come from a classic group that was upgraded, or join one that is here. A JoinGroup is a heartbeat in
// other words: it is answered at once with the member's epoch for a generation, and its subscription says
// what the member has. A Heartbeat answers REBALANCE_IN_PROGRESS while there is something new for the member.
// When nobody is left that speaks the newer protocol, Downgraded tells what classic group is to follow.
//
// # Undoing
//
// A call changes the group at once, before its records are committed. Settle ends what was changed since the
// last time, for good or back to what it was; deadlines stay as they are.
//
//	file          holds
//	group.go      the group, who is who, undoing
//	member.go     members, and what a request changes of them
//	heartbeat.go  ConsumerGroupHeartbeat
//	check.go      requests that are refused whatever the group is like; epochs
//	advance.go    the next epoch, topics, regular expressions, the target assignment
//	reconcile.go  the next step of a member towards the target
//	leave.go      members that leave or are fenced; deadlines
//	foreign.go    JoinGroup, SyncGroup, Heartbeat and LeaveGroup of classic members
//	migrate.go    from a classic group and back to one
//	record.go     the group as it is written to the log and read again
//	describe.go   what others are shown; commits and reads of offsets
//
// The rules and codes are those of KIP-848, KIP-1082, KIP-1251 and Kafka 4. Four are milder: a member that
// joins again under its id keeps what it has, one that missed the answer which takes something from it is not
// fenced for still having that, one with a new regular expression is answered when it is known what that
// matches, and heartbeats of classic members look at topics too.
//
// It refuses to know actors, clocks, offsets and the image. Imported by actors/groups/consumers.
package modern
