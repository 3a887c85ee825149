//go:build linux

// Command load is the client of a measurement. It runs in a process of its own and prints one line of JSON
// (see package bench) when it is done.
//
//	load produce -broker ADDR -topic T -mib N -record BYTES   franz-go, acks=all, as its users have it
//	load consume -broker ADDR -topic T -partitions P -mib N -passes R
//	    franz-go, from the start of each partition, R times, each time as a new consumer
//	load small -broker ADDR -topic T -partitions P -connections C -seconds S
//	    one small record in flight on each of C sockets, acks=all
//	load commit -broker ADDR -topic T -partitions P -connections C -seconds S
//	    one offset commit in flight on each of C sockets, each for a group of its own
//	load transact -broker ADDR -topic T -partitions P -connections C -seconds S
//	    franz-go, one transaction with one small record in flight for each of C producers
//	load poll -broker ADDR -topic T -seconds S                fetches of one small record, one after another
//	load flood -broker ADDRS -topic T -record BYTES -acks all|1 -compression none|lz4 [-spread] -for D
//	    franz-go, as much as the broker takes, for a time
//	load tail ...                                             the same, read at the same time
//	load pace -broker ADDRS -topic T -partitions P -rate R -record BYTES -for D
//	    franz-go both ways, R records a second; the time from when one was due until it was received
//	load groups -broker ADDRS -topic T -groups G -mib N       G groups read all of it at the same time
//	load first -broker ADDR -topic T                          tries until a first record is acknowledged
//	load probe -broker ADDRS -topic T                         one record after another until one is
//	    acknowledged that was sent after a line came on standard input
//	load hold -broker ADDR -connections C                     C idle connections until standard input ends
//
// It refuses to measure anything but time: what the broker spends is the driver's to find out. Only the
// driver runs it.
package main
