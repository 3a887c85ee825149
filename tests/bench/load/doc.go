//go:build linux

// Command load is the client of a measurement. It runs in a process of its own and prints one line of JSON
// (see package bench) when it is done.
//
//	load produce -broker ADDR -topic T -mib N -record BYTES   franz-go, acks=all, as its users have it
//	load consume -broker ADDR -topic T -partitions P -mib N   franz-go, from the start of each partition
//	load small -broker ADDR -topic T -partitions P -connections C -seconds S
//	    one small record in flight on each of C sockets, acks=all
//	load commit -broker ADDR -topic T -partitions P -connections C -seconds S
//	    one offset commit in flight on each of C sockets, each for a group of its own
//	load transact -broker ADDR -topic T -partitions P -connections C -seconds S
//	    franz-go, one transaction with one small record in flight for each of C producers
//	load poll -broker ADDR -topic T -seconds S                fetches of one small record, one after another
//	load hold -broker ADDR -connections C                     C idle connections until standard input ends
//
// It refuses to measure anything but time: what the broker spends is the driver's to find out. Only the
// driver runs it.
package main
