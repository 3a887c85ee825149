package protocol

import "github.com/twmb/franz-go/pkg/kmsg"

// transactionSchemas are the schemas of the requests about transactions.
var transactionSchemas = map[int16]*schema{
	int16(kmsg.AddPartitionsToTxn): {3, []field{
		listOf[kmsg.AddPartitionsToTxnRequestTransaction](
			text, int64Of, int16Of, boolean,
			listOf[kmsg.AddPartitionsToTxnRequestTransactionTopic](text, plain[int32](int32Of)),
		).from(4),
		text.until(3), int64Of.until(3), int16Of.until(3),
		listOf[kmsg.AddPartitionsToTxnRequestTopic](text, plain[int32](int32Of)).until(3),
	}, nil},
	int16(kmsg.AddOffsetsToTxn):      {3, []field{text, int64Of, int16Of, text}, nil},
	int16(kmsg.EndTxn):               {3, []field{text, int64Of, int16Of, boolean}, nil},
	int16(kmsg.DescribeTransactions): {0, []field{plain[string](text)}, nil},
	int16(kmsg.ListTransactions): {0, []field{
		plain[string](text), plain[int64](int64Of), int64Of.from(1), nullText.from(2),
	}, nil},
}
