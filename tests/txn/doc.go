// Package txn proves on clusters of real server processes that transactions are what they are said to be,
// while coordinators and leaders of partitions are killed and producers fenced.
//
// Writers commit and abort transactions over several partitions, readers of committed records follow them,
// and everything that clients did and saw is kept as a history, in which package history looks for
// anomalies. A chain takes records from one topic to another in transactions that commit the offsets with
// the output: input must equal output, once each, in order per partition. In the end no transaction may be
// left open.
//
// The writers and readers also go on while whatever else can break does: processes are killed and frozen,
// clocks jump, links are cut, slow and lossy, and disks fill, hang and get slow. What is done to links and
// disks takes root.
//
// The same chain is there for other clients, and an application of Kafka Streams that counts words. They
// are programs in the folder that CHRONIK_TXN_PROGRAMS names, without which their tests are skipped;
// `make interop` makes it of what is in tests/interop:
//
//	chain-java, chain-librdkafka   BOOTSTRAP PROTOCOL GROUP TRANSACTIONAL_ID SOURCE SINK
//	count-words                    BOOTSTRAP APPLICATION STATE_FOLDER INPUT OUTPUT
//
// A program works until its standard input ends. The words that it says meanwhile are in the README.md there.
//
// The usual form breaks something for two minutes, half of it for the history and half for the chain, and
// everything for half a minute more; CHRONIK_TXN_TIME says otherwise than two minutes, and -short makes it a
// quarter.
package txn
