// Package assignor divides the partitions of topics among the members of a consumer group (KIP-848). It is
// pure: the same group gives the same assignment, whatever the order of its members.
//
//	name      gives each member                                     keeps what members had
//	uniform   as many partitions as any other, one more at most      yes, as far as that allows
//	range     neighbouring partitions of each topic, the same ones   no
//	          of topics with as many partitions
//
// Members with different subscriptions cannot always have equally many. Then uniform gives none of them two
// more than another that could take one of its partitions.
//
//	file          holds
//	assignor.go   the group as it goes in, and the two by name
//	range.go      range
//	uniform.go    uniform, where all read the same
//	mixed.go      uniform, where they do not
//
// Racks are left out of account, as Kafka 4 does. It refuses to know epochs, records and clients. Imported by
// actors/groups/modern.
package assignor
