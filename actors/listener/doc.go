// Package listener accepts client connections at one address and keeps their number within bounds.
//
//	actor     listener-<name>
//	parent    broker
//	children  conn-<n>, one per connection
//	owns      the listening socket; how many connections there are, in all and per client host
//	on panic  stopped with all its connections; the broker builds it anew with growing back-off
//	loses     its connections: clients connect again
//	mailbox   one by one
//	blocks    never; binding an address is immediate
//	receives  Open, accepted, acceptFailed, acceptEnded, Drain, drainExpired
//	sends     Bound to Options.Events, Drained, conn.Drain to the connections
//
// The accept loop is a goroutine of its own. It turns connections over the total limit away itself, and
// after a failed accept it pauses, 5 ms to 1 s, instead of spinning.
//
// It refuses to read from a socket and to know what is spoken there. Imported by actors/broker.
package listener
