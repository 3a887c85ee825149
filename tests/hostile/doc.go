// Package hostile attacks a whole broker over real sockets while a normal client works: garbage, lies about
// sizes and counts, requests cut in the middle, senders that dawdle, readers that never read, and ten
// thousand connections at once. The normal client must notice nothing, memory stays within its bounds, and
// afterwards all connections are gone.
//
// The ten thousand are held by a process of their own, which is this test binary once more. Its connections
// are silent, read slowly or write slowly, a third each, and a thousand more talk garbage and come back when
// they are thrown out. The normal client's p99 may be 1.5 times what it is without them. With the race
// detector or -short they are a tenth as many.
//
// What single connections do with bad input is tested beside actors/conn; here it is about everybody else.
//
// CHRONIK_SOAK=30m repeats the attacks for so long. The package has only tests and is imported by nobody.
package hostile
