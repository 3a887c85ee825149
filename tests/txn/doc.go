// Package txn proves on clusters of real server processes that transactions are what they are said to be,
// while coordinators and leaders of partitions are killed and producers fenced.
//
// Writers commit and abort transactions over several partitions, readers of committed records follow them,
// and everything that clients did and saw is kept as a history, in which package history looks for
// anomalies. A chain takes records from one topic to another in transactions that commit the offsets with
// the output: input must equal output, once each, in order per partition. In the end no transaction may be
// left open.
//
// The usual form breaks something for two minutes in all; CHRONIK_TXN_TIME says otherwise, and -short makes
// it a quarter of that.
package txn
