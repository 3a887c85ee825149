package protocol

import "github.com/twmb/franz-go/pkg/kmsg"

// APIVersion is what ApiVersions tells a client about one API: the versions from Min to Max, both included.
type APIVersion struct {
	Key, Min, Max int16
}

// served is the one table of what this broker serves. What stands here is advertised, parsed and handled;
// nothing else is. The ranges are those of Kafka 4.3.
var served = []APIVersion{
	{int16(kmsg.Produce), 0, 13}, // below produceServedMin only advertised
	{int16(kmsg.Fetch), 4, 18},
	{int16(kmsg.ListOffsets), 1, 11},
	{int16(kmsg.Metadata), 0, 13},
	{int16(kmsg.OffsetCommit), 2, 10},
	{int16(kmsg.OffsetFetch), 1, 10},
	{int16(kmsg.FindCoordinator), 0, 6},
	{int16(kmsg.JoinGroup), 0, 9},
	{int16(kmsg.Heartbeat), 0, 4},
	{int16(kmsg.LeaveGroup), 0, 5},
	{int16(kmsg.SyncGroup), 0, 5},
	{int16(kmsg.DescribeGroups), 0, 6},
	{int16(kmsg.ListGroups), 0, 5},
	{int16(kmsg.ApiVersions), 0, 4},
	{int16(kmsg.CreateTopics), 2, 7},
	{int16(kmsg.DeleteTopics), 1, 6},
	{int16(kmsg.DeleteRecords), 0, 2},
	{int16(kmsg.InitProducerID), 0, 5},
	{int16(kmsg.OffsetForLeaderEpoch), 2, 4},
	{int16(kmsg.AddPartitionsToTxn), 0, 5},
	{int16(kmsg.AddOffsetsToTxn), 0, 4},
	{int16(kmsg.EndTxn), 0, 5},
	{int16(kmsg.WriteTxnMarkers), 1, 2},
	{int16(kmsg.TxnOffsetCommit), 0, 5},
	{int16(kmsg.DescribeConfigs), 1, 4},
	{int16(kmsg.AlterConfigs), 0, 2},
	{int16(kmsg.DescribeLogDirs), 1, 5},
	{int16(kmsg.CreatePartitions), 0, 3},
	{int16(kmsg.DeleteGroups), 0, 2},
	{int16(kmsg.ElectLeaders), 0, 2},
	{int16(kmsg.IncrementalAlterConfigs), 0, 1},
	{int16(kmsg.AlterPartitionAssignments), 0, 1},
	{int16(kmsg.ListPartitionReassignments), 0, 0},
	{int16(kmsg.OffsetDelete), 0, 0},
	{int16(kmsg.DescribeQuorum), 0, 2},
	{int16(kmsg.UpdateFeatures), 0, 2},
	{int16(kmsg.DescribeCluster), 0, 2},
	{int16(kmsg.DescribeProducers), 0, 0},
	{int16(kmsg.UnregisterBroker), 0, 0},
	{int16(kmsg.DescribeTransactions), 0, 0},
	{int16(kmsg.ListTransactions), 0, 2},
	{int16(kmsg.ConsumerGroupHeartbeat), 0, 1},
	{int16(kmsg.ConsumerGroupDescribe), 0, 1},
	{int16(kmsg.ListConfigResources), 0, 1},
	{int16(kmsg.DescribeTopicPartitions), 0, 0},
}

// produceServedMin is the first Produce version that is really served. librdkafka up to 2.10 compresses
// only when the advertised range reaches down to 0, so 0-2 are advertised; they carried message formats
// before v2 and are refused like any other unknown version (KAFKA-18659 does the same).
const produceServedMin = 3

// rows finds a key's row of the table by key; nil where there is none.
var rows = indexVersions(served)

func indexVersions(table []APIVersion) []*APIVersion {
	var last int16
	for _, row := range table {
		last = max(last, row.Key)
	}
	index := make([]*APIVersion, last+1)
	for i := range table {
		index[table[i].Key] = &table[i]
	}
	return index
}

// Versions returns what is advertised, ascending by key. The slice is the caller's.
func Versions() []APIVersion {
	return append([]APIVersion(nil), served...)
}

// Supports reports whether requests of this key and version are parsed and served. It is narrower than
// what Versions advertises for Produce 0-2 only.
func Supports(key, version int16) bool {
	row := rowOf(key)
	if row == nil || version < row.Min || version > row.Max {
		return false
	}
	return key != int16(kmsg.Produce) || version >= produceServedMin
}

func rowOf(key int16) *APIVersion {
	if key < 0 || int(key) >= len(rows) {
		return nil
	}
	return rows[key]
}
