// Package record makes the records of the interoperability runs and digests what comes back. The rules are
// in the README two folders up; the programs in other languages follow the same ones.
//
// It knows no client. The client packages beside it and main import it.
package record
