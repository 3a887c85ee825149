//go:build linux

// Command slow is a broker on a disk that takes longer to sync than the machine's. Group commit is worth the
// more the longer a sync takes, and where one takes less than a request's own work nobody can show it.
//
//	slow -dir DIR -sync T    serve on a free port, each sync of a file T longer, until standard input ends
//
// Everything but the disk is as in chronik-server, memory bound and ballast aside. It refuses to be
// configured otherwise. Only the driver runs it.
package main
