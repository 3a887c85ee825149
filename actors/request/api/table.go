package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/call"
	"github.com/chronik-go/chronik/protocol"
)

// Immediate answers a request in the connection's turn. It returns nil to pass the request on to the
// Waiting handler of its key.
type Immediate func(env *request.Env, client request.Client, r *protocol.Request) kmsg.Response

// Waiting returns the task that answers a request.
type Waiting func(env *request.Env, client request.Client, r *protocol.Request) call.Task

// handler is how one API key is answered.
type handler struct {
	key       kmsg.Key
	immediate Immediate
	waiting   Waiting
}

// handlers is the one table of what is answered here.
var handlers = []handler{
	{key: kmsg.ListOffsets, immediate: listOffsetsNow, waiting: listOffsets},
	{key: kmsg.Metadata, immediate: metadataNow, waiting: metadataLater},
	{key: kmsg.OffsetCommit, waiting: offsetCommit},
	{key: kmsg.OffsetFetch, waiting: offsetFetch},
	{key: kmsg.FindCoordinator, immediate: findCoordinatorNow, waiting: findCoordinator},
	{key: kmsg.JoinGroup, waiting: joinGroup},
	{key: kmsg.Heartbeat, waiting: heartbeat},
	{key: kmsg.LeaveGroup, waiting: leaveGroup},
	{key: kmsg.SyncGroup, waiting: syncGroup},
	{key: kmsg.DescribeGroups, waiting: describeGroups},
	{key: kmsg.ListGroups, waiting: listGroups},
	{key: kmsg.ApiVersions, immediate: apiVersions},
	{key: kmsg.CreateTopics, waiting: createTopics},
	{key: kmsg.DeleteTopics, waiting: deleteTopics},
	{key: kmsg.DeleteRecords, waiting: deleteRecords},
	{key: kmsg.InitProducerID, immediate: initProducerIDNow, waiting: initProducerID},
	{key: kmsg.OffsetForLeaderEpoch, immediate: offsetForLeaderEpoch},
	{key: kmsg.AddPartitionsToTxn, waiting: addPartitionsToTxn},
	{key: kmsg.AddOffsetsToTxn, waiting: addOffsetsToTxn},
	{key: kmsg.EndTxn, waiting: endTxn},
	{key: kmsg.WriteTxnMarkers, waiting: writeTxnMarkers},
	{key: kmsg.TxnOffsetCommit, waiting: txnOffsetCommit},
	{key: kmsg.DescribeConfigs, immediate: describeConfigs},
	{key: kmsg.AlterConfigs, waiting: alterConfigs},
	{key: kmsg.DescribeLogDirs, waiting: describeLogDirs},
	{key: kmsg.CreatePartitions, waiting: createPartitions},
	{key: kmsg.DeleteGroups, waiting: deleteGroups},
	{key: kmsg.ElectLeaders, waiting: electLeaders},
	{key: kmsg.IncrementalAlterConfigs, waiting: incrementalAlterConfigs},
	{key: kmsg.AlterPartitionAssignments, waiting: alterPartitionReassignments},
	{key: kmsg.ListPartitionReassignments, immediate: listPartitionReassignments},
	{key: kmsg.OffsetDelete, waiting: offsetDelete},
	{key: kmsg.DescribeQuorum, waiting: describeQuorum},
	{key: kmsg.UpdateFeatures, waiting: updateFeatures},
	{key: kmsg.DescribeCluster, immediate: describeCluster},
	{key: kmsg.DescribeProducers, waiting: describeProducers},
	{key: kmsg.UnregisterBroker, waiting: unregisterBroker},
	{key: kmsg.DescribeTransactions, waiting: describeTransactions},
	{key: kmsg.ListTransactions, immediate: listTransactionsNow, waiting: listTransactions},
	{key: kmsg.ConsumerGroupHeartbeat, waiting: consumerGroupHeartbeat},
	{key: kmsg.ConsumerGroupDescribe, waiting: consumerGroupDescribe},
	{key: kmsg.ListConfigResources, immediate: listConfigResources},
	{key: kmsg.DescribeTopicPartitions, immediate: describeTopicPartitions},
}

// byKey finds a handler by its key.
var byKey = index(handlers)

func index(handlers []handler) map[int16]handler {
	found := make(map[int16]handler, len(handlers))
	for _, h := range handlers {
		if _, twice := found[h.key.Int16()]; twice {
			panic(fmt.Sprintf("BUG: got two handlers for %s, want one", h.key.Name()))
		}
		found[h.key.Int16()] = h
	}
	return found
}

// Serves tells whether Handle knows an API: all but produce and fetch, whose actors the connections have.
func Serves(key int16) bool {
	_, known := byKey[key]
	return known
}

// Handle answers a parsed request: with a response, or with a task for an actor of package call. Exactly
// one of them is not nil. It panics on a key that is not in the table, which the parser does not let pass.
func Handle(env *request.Env, client request.Client, r *protocol.Request) (kmsg.Response, call.Task) {
	h, found := byKey[r.Key]
	if !found {
		panic(fmt.Sprintf("BUG: got a request of key %d, want one that is served here", r.Key))
	}
	if h.immediate != nil {
		if response := h.immediate(env, client, r); response != nil {
			return response, nil
		}
	}
	return nil, h.waiting(env, client, r)
}
