// Package topics makes and measures topics for the tests of whole nodes, with the few requests that kgo has
// no call for. kadm, the library's own companion, is a module of its own; two requests are not worth it.
package topics
