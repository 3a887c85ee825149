// Package member hosts group members of the Go clients: it takes orders from standard input and tells what
// the members do on standard output, in the words that the README two folders up lists. The programs in other
// languages speak the same ones.
//
// It knows no client. The client packages beside it and main import it.
package member
