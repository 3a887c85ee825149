// Package chaos crashes every kind of actor of a running node or cluster, under load from real clients, and
// checks the whole history of what the clients were told.
//
// The live tree is the list of what is crashed: while the load runs, the test notes which kinds of actors
// there are and which types of messages they handle, and a new kind is covered by itself. Each crash is a
// fault of actors/kit that has one of them panic before, in the middle of or after one message. README.md
// holds the table that the run prints.
//
// It holds tests only.
package chaos
