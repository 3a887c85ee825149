// Package call is the actor of one request that cannot be answered at once: it asks other actors, or
// reads the disk, and answers when all have replied or when its time is up.
//
//	actor     call-<correlation>
//	parent    conn-<n>
//	children  none
//	owns      one request: its open questions, its deadline, its answer
//	on panic  stopped; the connection answers in its place
//	loses     nothing that anybody else could use
//	mailbox   one by one
//	blocks    on disk where its task says so
//	receives  the replies to its questions, expired
//	sends     questions; request.Done to the connection, exactly once
//
// What a request does is its Task, a plain value that knows how to ask and what to make of the replies.
//
//	state     event               next
//	asking    reply               asking, or done when it was the last one and nothing more was asked
//	asking    expired             done: the answer says REQUEST_TIMED_OUT for what is missing
//	done                          the actor stops; later replies are dropped
//
// It refuses to know any API. Imported by actors/conn and actors/request/api.
package call
