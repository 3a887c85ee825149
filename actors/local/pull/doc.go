// Package pull reads a partition for an actor of this process, once or again and again.
//
//	actor     pull-<id>
//	parent    local
//	children  fetch-1
//	owns      one Fetch, or one Watch with the offset that it has come to
//	on panic  stopped; local tells the asker
//	loses     nothing: the asker knows what it has got
//	mailbox   one by one
//	blocks    on disk, when the records are not in the page cache
//	receives  fetch.Done, Next, expired
//	sends     Fetched or Arrived to the asker; fetch.Read to its child
//
// It asks a fetch actor as a connection does, so limits, checks, long polls and what a reader may see are
// those of any client. What comes back are pieces of files; they are read, taken apart and copied here, and
// belong to the asker.
//
//	state     event                         next
//	reading   records, or an error          answered; a Watch waits for Next, unless it was an error
//	reading   nothing came (Watch)          reading, from the same offset
//	waiting   Next                          reading
//	waiting   maxPatience is over           the watch ends with an error
//
// A Watch never has more than one Arrived on its way: who is slow is not buried in records.
//
// It refuses to go to another broker: a partition that is led elsewhere is an error. Imported by
// actors/local.
package pull
