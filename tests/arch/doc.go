// Package arch checks what the compiler does not. It has only tests; nothing imports it.
//
//	file           checks
//	layers_test    imports go down the ladder; one package imports a reserved library; one doc.go each
//	cards_test     each actor has a card; the card, messages.go and Receive agree
//	bans_test      actors do not wait, lock or read the clock; goroutines run code of the rim only
//	sizes_test     files, functions and lines are short
//	tree_test      the live tree of a node is the one that actors/doc.go draws
//
// What may be adjusted is in table_test.go. The checks read the source with go/parser; the types in a case
// are compared by their names as written, which is enough as long as packages are imported under their own
// names.
//
// It refuses to be a linter of style: gofmt, go vet and staticcheck have that.
package arch
