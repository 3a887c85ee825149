// Package api answers the requests of Kafka's protocol, one file per API key. The number in a file's name
// is the key, its head says which versions are served and what changed between them; the listing of the
// directory is the list of what is served.
//
// A handler is Immediate, when everything it needs is in memory and may be read from any goroutine, or
// Waiting, when it needs other actors or the disk. An Immediate that returns nil passes the request on to
// the Waiting of the same key. Handle picks.
//
//	kind       runs in                  may
//	Immediate  the connection's turn    look at the image and the table of replicas; never wait
//	Waiting    the connection's turn    build a call.Task, which then runs in an actor of its own
//
// Produce (0) and Fetch (1) are not here: their answers are files and their requests have their own actors
// in actors/request/write and actors/request/fetch.
//
// Handlers refuse nobody: who may do what is decided before they are called. Imported by actors/conn.
package api
