// Package expressions knows which topics the regular expressions of groups match, so that no group has to
// look.
//
//	actor     expressions
//	parent    groups
//	children  none
//	owns      the expressions that groups on this node subscribe to, compiled, and what they match
//	on panic  stopped; groups builds a new one, and those who followed ask it again
//	loses     nothing: it is all in the image, and with those who follow
//	mailbox   one by one
//	blocks    never; a new expression takes a moment for each topic, which nobody but the next one waits for
//	receives  Follow, Leave, metadata.ImageChanged, tell, resubscribe
//	sends     Matched to who follows; metadata.Subscribe
//
// Each expression is compiled once, whoever subscribes by it, compared with all topics once, and with each
// topic that is made after that. What it matches is told when it is followed, and whenever that changes,
// but no more than once in tellPause: a thousand topics that are made one by one are told of together.
//
// Expressions are those of RE2, as Go has them, and match a name from end to end. Internal topics count
// too, as in Kafka.
//
// # Bounds
//
// There are at most as many expressions as members that subscribe by one: groups leave those that no member
// has. Each is at most as long as a string of Kafka's protocol.
//
// It refuses to know members and groups. Imported by actors/groups and the packages below it.
package expressions
