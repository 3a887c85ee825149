// Package kittest helps tests of actors. A Probe stands for the other side of a conversation. How the actors
// run is a choice of the test:
//
//	want                                         use
//	one actor, plain steps                       Inline: each Tell returns when all has been handled
//	many actors, any order that could happen     Seeded: one message per turn, whose turn it is comes from
//	                                             a seed; time moves when the test says so
//	the real dispatcher, but virtual time        a kit.System inside testing/synctest
//	the real thing                               a kit.System
//
// # Virtual time with the real dispatcher
//
//	synctest.Test(t, func(t *testing.T) {
//		system := kit.NewSystem(kit.SystemConfig{}) // inside the bubble, with the zero Clock
//		defer system.Shutdown()
//		...
//		time.Sleep(100 * time.Hour) // moves the bubble's clock; costs no time
//		synctest.Wait()             // until all actors are idle
//	})
//
// The bubble may only hold goroutines of its own: no sockets, no files that block. Timers that go off at the
// same moment run in any order there; where the order must come from a seed, use Seeded.
//
// Only tests import this package.
package kittest
