// Package request is what all request handlers share: what they know about the broker (Env) and about who
// asks (Client), and the message that brings an answer back to a connection (Done).
//
//	actors/request/api     one file per API key: what it answers; pure where that is possible
//	actors/request/call    the actor of one request that waits for other actors or for the disk
//	actors/request/write   the actor of one produce request
//	actors/request/fetch   the actor of one fetch that waits for data
//
// It refuses to hold state: Env is built once and never changes. Imported by the packages above, by
// actors/conn and by actors/broker.
package request
