// Package conn is one client connection: it reads requests, has each answered by whoever can, and sends the
// replies in the order of the requests.
//
//	actor     conn-<n>
//	parent    listener-<name>
//	children  write-<id>, one per produce request that waits for its partitions
//	          fetch-<id>, one as soon as the client fetches; it answers all fetches of the connection
//	          call-<id>, one per other request that cannot be answered at once
//	owns      the socket, the reply slots, what its requests hold of the broker's memory budget
//	on panic  stopped: the socket closes, its requests end, their memory is given back
//	loses     the connection; what was proposed is committed all the same, and the client asks again
//	mailbox   batched: the replies of a turn leave in one write
//	blocks    never
//	receives  received, readEnded, flushed, write.Verified, write.Done, fetch.Done, request.Done, Drain,
//	          patienceEnded
//	sends     group.Propose to partitions, fetch.Read and fetch.Finish to its fetch actor
//
// # The way of a request
//
//	reader ── received ──► begin ──┬─► answered in the turn ───────────────┐
//	(budget, then memory)          ├─► write actor, proposals in order ────┤
//	                               ├─► fetch actor ────────────────────────┼─► slot ──► writer
//	                               └─► call actor ─────────────────────────┘  (in order)
//
// Requests are pipelined: the next one is begun while the one before is being answered. Replies leave in
// order because each request has its slot before anybody works on it. Only a produce request waits for the
// one before, and only while the coordinator of a transaction is asked about that.
//
// # Bounds
//
//	what                           bound                           what happens there
//	size of a request              MaxRequestBytes                 the connection closes
//	memory of unanswered requests  Shared.Budget, MaxHeldBytes     the reader waits; TCP holds the client back
//	requests in flight             MaxInFlight                     the reader waits
//	replies that wait in memory    MaxQueuedBytes                  requests are read, but not begun
//	time without a request         MaxIdle                         the connection closes
//	time without progress          MaxStall, MaxWriteStall         the connection closes
//
// So a client that announces much and sends little, sends without end, or never reads, holds up itself.
//
// # Goroutines
//
// The reader lives as long as the connection. The writer lives for one flush of the replies that are ready,
// so that an idle connection has no second stack. Both catch their own panics and tell the actor, which
// stops only after they have ended.
//
// # What it refuses to be
//
// It knows no API but the few it treats in a special way (ApiVersions, Produce, Fetch), keeps no partition
// state and decides nothing about who may do what. Imported by actors/listener and actors/broker.
package conn
