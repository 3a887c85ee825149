// Package kit is how the broker writes actors: the only package that imports protoactor-go. It keeps the
// library's tree of actors, its registry and its lifecycle, takes the sharp edges off, and leaves a small set
// of rules.
//
//	system := kit.NewSystem(kit.SystemConfig{Logger: log})
//	defer system.Shutdown()
//	broker := system.Spawn("broker", kit.Spec{New: func() kit.Actor { return &Broker{} }})
//
// # What is promised
//
//   - Messages from one sender to one receiver arrive in order, none twice.
//   - Every Refusable is either handled or refused, once: also when its receiver is gone, stops or panics.
//   - An Address means one incarnation. Nothing that was meant for an actor reaches its successor, unless it
//     was sent by name (Address.Child).
//   - The order of an actor's life is Started, messages, Stopping, Stopped. Lifecycle messages come alone and
//     ahead of queued ones; after Stopping comes nothing but Stopped.
//   - A parent hears ChildFailed before Terminated. At Terminated the child and all below it are gone, its
//     files are closed and its name is free.
//   - A panic ends the actor, never the process, and never leaves the actor half alive.
//   - A message costs no memory beyond its value; an idle actor costs about 1 KB and no goroutine.
//
// # What the library does and what kit does about it
//
//	hazard in protoactor-go                             kit
//	a restart keeps address, mailbox and the message    a failed actor is stopped; the parent builds another
//	that failed is lost                                 one (Restarts); the message is refused
//	Stop drops queued messages silently                 refused, after the actor has handled Stopping
//	a stopping actor still gets messages                its mailbox is closed
//	a panic in Stopping leaves the actor for ever       contained: logged, counted, and the end goes on
//	a PID is a name: it finds a later incarnation       an Address points to one incarnation's mailbox
//	a second Terminated removes a new child of the      only one comes: parents do not watch their children
//	old name from its parent                            in the library's sense
//	Watch of a stopping actor answers at once           kit's own watchers, told when the actor is gone
//	supervision is silent, restarts at the top          logged with the stack, counted, hook OnFailure
//	back-off linear in nanoseconds, never gives up      Restarts
//	a producer that panics fails the parent             New runs in the child's first turn
//	SetReceiveTimeout and Future race                   After and Every; Ask at the rim only
//	ReenterAfter, Stash                                 replies with tokens (Pending); Postponed
//	one message per turn                                Batched
//	unbounded mailboxes                                 Budget: memory is taken before a message is made
//	a goroutine and its stack for each wake-up          workers keep theirs
//	global metrics, its own log                         off; counters per kind on the Registerer given
//
// # Looking in from outside
//
// System.Tree shows what lives: what each actor does, how much waits for it, why it failed last. With
// SlowAfter an actor that holds one message for longer is logged, once, with its path and the type of the
// message, and counted, also if it never lets go. With Faults any actor can be made to panic, stall or lose a
// message, before, in the middle of or after handling it: how the supervision above is tested. A system
// without faults pays one comparison with nil per message for them, and watching costs two loads and two
// comparisons.
//
// # Under somebody else's actors
//
// Embedding.Props makes a tree that a host application spawns below any actor of its own protoactor system.
// The actor that the host gets is a door: it passes messages on, stops with the tree and fails with it, so
// that the host's supervisor decides about a tree that cannot go on.
//
// # Rules
//
//  1. A message belongs to its receiver once told. What several read is immutable.
//  2. A request carries the Address to answer to and a token that comes back. The asker keeps the time
//     (Pending) and ignores answers that it does not wait for.
//  3. A request is Refusable, and its Refuse only tells the asker. Answers are Reply.
//  4. A turn does not wait: no lock, no sleep, no network, no Ask, no Budget.Acquire. Disk only where the
//     package's card says so.
//  5. A Context stays in its actor's turns. Goroutines at the rim get Addresses.
//  6. What is kept for others (Pending, Postponed) is answered in Stopping.
//  7. Errors that the asker understands are answers. Panics are for broken invariants.
//  8. Names are kinds with a dash and an instance: conn-17. Kinds are few and label metrics.
//
// # What it refuses to be
//
// It knows nothing of Kafka, Raft or storage, offers no remoting, persistence, routers or behaviour stacks,
// and has no state outside a System. Everything above protocol may import it.
package kit
