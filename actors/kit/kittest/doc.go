// Package kittest helps tests of actors: a Probe stands for the other side of a conversation, and the
// dispatchers run a system step by step in an order that a seed decides.
//
// Time is virtual inside a testing/synctest bubble: timers of kit.RealClock follow the bubble's clock.
//
// Only tests import it.
package kittest
