// Package hostile attacks a whole broker over real sockets while a normal client works: garbage, lies about
// sizes and counts, requests cut in the middle, senders that dawdle, readers that never read, and ten
// thousand connections at once. The normal client must notice nothing, memory stays within its bounds, and
// afterwards all connections are gone.
//
// What single connections do with bad input is tested beside actors/conn; here it is about everybody else.
//
// CHRONIK_SOAK=30m repeats the attacks for so long. The package has only tests and is imported by nobody.
package hostile
