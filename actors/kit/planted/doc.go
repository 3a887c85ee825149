// Package planted holds mistakes that are not made: each is a constant that is false, and the code that it
// guards is left out. Built with the tag simbugs they are variables, and tests/sim switches one after the
// other on to see that its checks find it.
//
// Only what cannot be done from outside is here. It is no place for settings; nothing but tests sets these.
// Whoever makes such a mistake may import it.
package planted
