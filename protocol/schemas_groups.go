package protocol

import "github.com/twmb/franz-go/pkg/kmsg"

// blob is a byte array that may not be null.
var blob = field{kind: kindBytes, last: never, nullableFrom: never}

// groupSchemas are the schemas of the requests about consumer groups.
var groupSchemas = map[int16]*schema{
	int16(kmsg.OffsetCommit): {8, []field{
		text, int32Of, text, nullText.from(7), int64Of.until(4),
		listOf[kmsg.OffsetCommitRequestTopic](
			text.until(9), uuid.from(10),
			listOf[kmsg.OffsetCommitRequestTopicPartition](int32Of, int64Of, int32Of.from(6), nullText),
		),
	}, nil},
	int16(kmsg.TxnOffsetCommit): {3, []field{
		text, text, int64Of, int16Of, int32Of.from(3), text.from(3), nullText.from(3),
		listOf[kmsg.TxnOffsetCommitRequestTopic](
			text, listOf[kmsg.TxnOffsetCommitRequestTopicPartition](int32Of, int64Of, int32Of.from(2), nullText),
		),
	}, nil},
	int16(kmsg.OffsetFetch): {6, []field{
		text.until(7),
		listOf[kmsg.OffsetFetchRequestTopic](text, plain[int32](int32Of)).nullable(2).until(7),
		listOf[kmsg.OffsetFetchRequestGroup](
			text, nullText.from(9), int32Of.from(9),
			listOf[kmsg.OffsetFetchRequestGroupTopic](
				text.until(9), uuid.from(10), plain[int32](int32Of),
			).nullable(0),
		).from(8),
		boolean.from(7),
	}, nil},
	int16(kmsg.FindCoordinator): {3, []field{text.until(3), int8Of.from(1), plain[string](text).from(4)}, nil},
	int16(kmsg.JoinGroup): {6, []field{
		text, int32Of, int32Of.from(1), text, nullText.from(5), text,
		listOf[kmsg.JoinGroupRequestProtocol](text, blob), nullText.from(8),
	}, nil},
	int16(kmsg.Heartbeat): {4, []field{text, int32Of, text, nullText.from(3)}, nil},
	int16(kmsg.LeaveGroup): {4, []field{
		text, text.until(2),
		listOf[kmsg.LeaveGroupRequestMember](text, nullText, nullText.from(5)).from(3),
	}, nil},
	int16(kmsg.SyncGroup): {4, []field{
		text, int32Of, text, nullText.from(3), nullText.from(5), nullText.from(5),
		listOf[kmsg.SyncGroupRequestGroupAssignment](text, blob),
	}, nil},
	int16(kmsg.DescribeGroups): {5, []field{plain[string](text), boolean.from(3)}, nil},
	int16(kmsg.ListGroups):     {3, []field{plain[string](text).from(4), plain[string](text).from(5)}, nil},
	int16(kmsg.DeleteGroups):   {2, []field{plain[string](text)}, nil},
	int16(kmsg.ConsumerGroupHeartbeat): {0, []field{
		text, text, int32Of, nullText, nullText, int32Of, plain[string](text).nullable(0), nullText.from(1),
		nullText,
		listOf[kmsg.ConsumerGroupHeartbeatRequestTopic](uuid, plain[int32](int32Of)).nullable(0),
	}, nil},
	int16(kmsg.ConsumerGroupDescribe): {0, []field{plain[string](text), boolean}, nil},
	int16(kmsg.OffsetDelete): {never, []field{
		text, listOf[kmsg.OffsetDeleteRequestTopic](
			text, listOf[kmsg.OffsetDeleteRequestTopicPartition](int32Of),
		),
	}, nil},
}
