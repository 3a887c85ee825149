// Package brokers lets one broker ask another in Kafka's own requests, over the links between the nodes.
//
//	actor     brokers
//	parent    broker
//	children  call-<n>, one for each request of another broker, or of this one to itself, that takes time
//	owns      what this node has asked others, and what it was asked
//	on panic  stopped; the broker builds a new one, and all questions are answered with an error
//	loses     requests under way: whoever asks them asks again
//	mailbox   one by one
//	blocks    never
//	receives  Ask, Handled, link.Incoming, link.Returned, expire
//	sends     Answered; link.Call (links); link.Answer
//
// A question to this node takes the same way but for the link: who asks need not care where the other is.
//
//	Ask for another node     a link.Call with the request's frame, answered by link.Returned
//	Ask for this node        the handler that answers clients, answered by Handled
//	link.Incoming            the same, for another node
//
// # Over the link
//
// The body of a call of service kafka is a request as clients send it, that of the answer a response, both
// without the length in front. Kafka's version of each request is the version of the format, so brokers of
// different builds understand each other as far as they support the same versions.
//
// # Bounds
//
//	what                       bound        what happens there
//	questions without answer   maxOpen      link.ErrBusy
//	requests of other brokers  maxServed    the same, to the other broker
//	time of a question         its own      link.ErrTimeout
//
// It refuses to know any API, to repeat a question, and to find out who has to be asked. Imported by whoever
// asks other brokers, and by actors/broker.
package brokers
