package protocol

import (
	"maps"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// schemas holds the request schema of every key of the version table, transcribed from Kafka's message
// definitions. A test fills kmsg requests at random, encodes them and demands that the walker consumes them
// to the byte, for every key and version served.
var schemas = func() map[int16]*schema {
	all := maps.Clone(generalSchemas)
	maps.Copy(all, groupSchemas)
	maps.Copy(all, transactionSchemas)
	return all
}()

// generalSchemas are the schemas of all requests but those about consumer groups and transactions.
var generalSchemas = map[int16]*schema{
	int16(kmsg.Produce): {9, []field{
		nullText.from(3), int16Of, int32Of,
		listOf[kmsg.ProduceRequestTopic](
			text.until(12), uuid.from(13),
			listOf[kmsg.ProduceRequestTopicPartition](int32Of, nullBlob),
		),
	}, nil},
	int16(kmsg.Fetch): {12, fetchFields, []tag{
		{number: 0, fields: []field{nullText}},
		{number: 1, fields: []field{int32Of, int64Of}, object: true},
	}},
	int16(kmsg.ListOffsets): {6, []field{
		int32Of, int8Of.from(2),
		listOf[kmsg.ListOffsetsRequestTopic](
			text,
			listOf[kmsg.ListOffsetsRequestTopicPartition](int32Of, int32Of.from(4), int64Of, int32Of.until(0)),
		),
		int32Of.from(10),
	}, nil},
	int16(kmsg.Metadata): {9, []field{
		listOf[kmsg.MetadataRequestTopic](uuid.from(10), text.nullable(10)).nullable(1),
		boolean.from(4), boolean.from(8).until(10), boolean.from(8),
	}, nil},
	int16(kmsg.ApiVersions): {3, []field{text.from(3), text.from(3)}, nil},
	int16(kmsg.CreateTopics): {5, []field{
		listOf[kmsg.CreateTopicsRequestTopic](
			text, int32Of, int16Of,
			listOf[kmsg.CreateTopicsRequestTopicReplicaAssignment](int32Of, plain[int32](int32Of)),
			listOf[kmsg.CreateTopicsRequestTopicConfig](text, nullText),
		),
		int32Of, boolean.from(1),
	}, nil},
	int16(kmsg.DeleteTopics): {4, []field{
		listOf[kmsg.DeleteTopicsRequestTopic](nullText, uuid).from(6),
		plain[string](text).until(5),
		int32Of,
	}, nil},
	int16(kmsg.DeleteRecords): {2, []field{
		listOf[kmsg.DeleteRecordsRequestTopic](
			text, listOf[kmsg.DeleteRecordsRequestTopicPartition](int32Of, int64Of),
		),
		int32Of,
	}, nil},
	int16(kmsg.InitProducerID): {2, []field{nullText, int32Of, int64Of.from(3), int16Of.from(3)}, nil},
	int16(kmsg.OffsetForLeaderEpoch): {4, []field{
		int32Of.from(3),
		listOf[kmsg.OffsetForLeaderEpochRequestTopic](
			text, listOf[kmsg.OffsetForLeaderEpochRequestTopicPartition](int32Of, int32Of.from(2), int32Of),
		),
	}, nil},
	int16(kmsg.ElectLeaders): {2, []field{
		int8Of.from(1),
		listOf[kmsg.ElectLeadersRequestTopic](text, plain[int32](int32Of)).nullable(0),
		int32Of,
	}, nil},
	int16(kmsg.AlterPartitionAssignments): {0, []field{
		int32Of, boolean.from(1),
		listOf[kmsg.AlterPartitionAssignmentsRequestTopic](
			text,
			listOf[kmsg.AlterPartitionAssignmentsRequestTopicPartition](int32Of, plain[int32](int32Of).nullable(0)),
		),
	}, nil},
	int16(kmsg.ListConfigResources): {0, []field{plain[int8](int8Of).from(1)}, nil},
	int16(kmsg.ListPartitionReassignments): {0, []field{
		int32Of,
		listOf[kmsg.ListPartitionReassignmentsRequestTopic](text, plain[int32](int32Of)).nullable(0),
	}, nil},
	int16(kmsg.DescribeQuorum): {0, []field{
		listOf[kmsg.DescribeQuorumRequestTopic](text, listOf[kmsg.DescribeQuorumRequestTopicPartition](int32Of)),
	}, nil},
	int16(kmsg.UnregisterBroker): {0, []field{int32Of}, nil},
	int16(kmsg.DescribeConfigs): {4, []field{
		listOf[kmsg.DescribeConfigsRequestResource](int8Of, text, plain[string](text).nullable(0)),
		boolean.from(1), boolean.from(3),
	}, nil},
	int16(kmsg.AlterConfigs): {2, []field{
		listOf[kmsg.AlterConfigsRequestResource](
			int8Of, text, listOf[kmsg.AlterConfigsRequestResourceConfig](text, nullText),
		),
		boolean,
	}, nil},
	int16(kmsg.DescribeLogDirs): {2, []field{
		listOf[kmsg.DescribeLogDirsRequestTopic](text, plain[int32](int32Of)).nullable(0),
	}, nil},
	int16(kmsg.CreatePartitions): {2, []field{
		listOf[kmsg.CreatePartitionsRequestTopic](
			text, int32Of,
			listOf[kmsg.CreatePartitionsRequestTopicAssignment](plain[int32](int32Of)).nullable(0),
		),
		int32Of, boolean,
	}, nil},
	int16(kmsg.IncrementalAlterConfigs): {1, []field{
		listOf[kmsg.IncrementalAlterConfigsRequestResource](
			int8Of, text, listOf[kmsg.IncrementalAlterConfigsRequestResourceConfig](text, int8Of, nullText),
		),
		boolean,
	}, nil},
	int16(kmsg.UpdateFeatures): {0, []field{
		int32Of,
		listOf[kmsg.UpdateFeaturesRequestFeatureUpdate](text, int16Of, boolean.until(0), int8Of.from(1)),
		boolean.from(1),
	}, nil},
	int16(kmsg.DescribeCluster): {0, []field{boolean, int8Of.from(1), boolean.from(2)}, nil},
	int16(kmsg.WriteTxnMarkers): {1, []field{
		listOf[kmsg.WriteTxnMarkersRequestMarker](
			int64Of, int16Of, boolean,
			listOf[kmsg.WriteTxnMarkersRequestMarkerTopic](text, plain[int32](int32Of)),
			int32Of, int8Of.from(2),
		),
	}, nil},
	int16(kmsg.DescribeProducers): {0, []field{
		listOf[kmsg.DescribeProducersRequestTopic](text, plain[int32](int32Of)),
	}, nil},
	int16(kmsg.DescribeTopicPartitions): {0, []field{
		listOf[kmsg.DescribeTopicPartitionsRequestTopic](text),
		int32Of,
		maybe[kmsg.DescribeTopicPartitionsRequestCursor](text, int32Of),
	}, nil},
}

var fetchFields = []field{
	int32Of.until(14), int32Of, int32Of, int32Of.from(3), int8Of.from(4), int32Of.from(7), int32Of.from(7),
	listOf[kmsg.FetchRequestTopic](
		text.until(12), uuid.from(13),
		listOf[kmsg.FetchRequestTopicPartition](
			int32Of, int32Of.from(9), int64Of, int32Of.from(12), int64Of.from(5), int32Of,
		).with(
			tag{number: 0, fields: []field{uuid}},
			tag{number: 1, fields: []field{int64Of}},
		),
	),
	listOf[kmsg.FetchRequestForgottenTopic](text.until(12), uuid.from(13), plain[int32](int32Of)).from(7),
	text.from(11),
}

// schemaIndex finds a key's schema without hashing.
var schemaIndex = func() []*schema {
	index := make([]*schema, len(rows))
	for key, s := range schemas {
		index[key] = s
	}
	return index
}()

// schemaOf returns the schema of a key, nil for a key that is not served.
func schemaOf(key int16) *schema {
	if key < 0 || int(key) >= len(schemaIndex) {
		return nil
	}
	return schemaIndex[key]
}
