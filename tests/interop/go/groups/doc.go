// Package groups puts the consumer group of one client through a run of members that join, leave and crash,
// while records are produced, and checks each record's deliveries against the committed offsets:
//
//	ledger   what the members say they did, and the rules that this must obey
//	hosts    the processes in which the members live
//	pacer    produces, and knows how many records each partition holds
//	run      the order of events
//	lag      what is left to read, for the tools to report
//
// The members are programs in other languages; the README two folders up has the words they speak. It refuses
// to know a client. main imports it.
package groups
