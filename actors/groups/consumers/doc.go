// Package consumers is one consumer group with its offsets.
//
//	actor     consumers-<group>.<n>
//	parent    coordinator-<partition>
//	children  none
//	owns      the members and offsets of one group, the requests that wait for them
//	on panic  stopped; the coordinator reads the group again from the log and builds a new one
//	loses     a rebalance under way, ids that were given out: members join again. Nothing that was answered
//	mailbox   one by one
//	blocks    never
//	receives  Ask, Tick, Expire, Forget, Written, EndTransaction, expressions.Matched, follow
//	sends     coordinators.Answered to askers; Write, WakeAt, Vacant to the coordinator; expressions.Follow,
//	          expressions.Leave
//
// Everything that outlives the actor goes through the log first: what a Write holds is applied to memory
// when it is committed, and answered after that. The classic protocol is package classic.
//
// # Requests
//
//	body of Ask                                 result of coordinators.Answered
//	*kmsg.JoinGroupRequest, SyncGroup,          their responses
//	Heartbeat, LeaveGroup
//	Commit                                      []protocol.Code, one for each item; Code refuses all
//	Fetch                                       []Fetched
//	DeleteOffsets                               []protocol.Code, one for each place; Code refuses all
//	Delete                                      none, Code alone
//	Describe                                    kmsg.DescribeGroupsResponseGroup
//	*kmsg.ConsumerGroupHeartbeatRequest         its response
//	DescribeConsumers                           kmsg.ConsumerGroupDescribeResponseGroup
//
// # Groups of the newer protocol
//
// These are package modern. The first heartbeat of that protocol makes one out of a group that is empty or
// whose classic members can be taken over; a JoinGroup to one without members, and the leaving of the last
// member of the newer protocol, make a classic group of it again. Requests to such a group are handled in
// batches. The records of a batch go to the log together, its answers leave when they are committed, and what
// comes meanwhile waits; if they are not committed the group is as it was before the batch.
//
// # Regular expressions
//
// What they match is not looked up here, as that takes a moment for each topic of the cluster: the group
// follows the expressions of its members with package expressions. A heartbeat with a new one waits until
// it is known what it matches, and no other request does. When that changes the next epoch begins, without
// a heartbeat.
//
// # Transactions
//
// Offsets that are committed in a transaction are pending from when they are in the log until its marker is:
// a Fetch of stable offsets is refused for their partitions, and they are not read otherwise. The marker
// makes them count, or forgets them. What is removed, with its group or without, is removed from transactions
// too. Nothing expires that a transaction is about to change, nor does its group.
//
// # The end of a group
//
//	deleted, or expired      tombstones ─ committed ─> Dead, Vacant
//	never more than an idea  nobody is in it and nothing is kept: Vacant
//
// A group that is Vacant tells how many messages it has handled. The coordinator lets it go only if it has
// sent no more than that, so that no request is lost between the two.
//
// It refuses to know which partition its records go to and which node it is on. A Summary is published for
// those who list groups. Imported by actors/groups/coordinator, actors/groups and the request packages.
package consumers
