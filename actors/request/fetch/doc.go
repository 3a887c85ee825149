// Package fetch answers the fetches of one connection: sessions, reading within limits, long polls.
//
//	actor     fetch-<id>
//	parent    conn-<n>
//	children  none
//	owns      the fetch sessions of the connection, its waiting fetches, its waiters at partitions
//	on panic  stopped; the connection answers UNKNOWN_SERVER_ERROR, the next fetch makes a new actor
//	loses     the sessions: the client is told FETCH_SESSION_ID_NOT_FOUND and makes a new one
//	mailbox   batched: many wake-ups cost one look
//	blocks    on disk, when a cold read looks up an index or checks a segment for the first time
//	receives  Read, Finish, partition.Woken, expired
//	sends     Done to its parent, once per Read; partition.Wait and Unwait to partitions
//
// One actor serves a connection for as long as it lives, instead of one actor per waiting fetch: so the
// sessions have one owner that is not the connection, whose produce requests a slow disk must not hold up;
// and the waiters at partitions outlive the single fetch (see watches), which makes a long poll over a
// thousand quiet partitions cost no message at all.
//
//	a fetch    event                                 next
//	read       enough, an error, no patience         answered
//	read       too little                            waiting, with a waiter at every partition
//	waiting    woken, and now there is enough        answered
//	waiting    woken, still too little               waiting
//	waiting    expired, Finish                       answered with what there is
//
// Sessions follow KIP-227, limits KIP-74, epochs KIP-320, hints about leaders KIP-951, racks KIP-392: a
// leader sends a consumer to a replica in sync in its rack, and followers serve what they have applied.
//
// It refuses to copy records: a response holds pieces of segment files, which go from the page cache to the
// socket. Imported by actors/conn.
package fetch
