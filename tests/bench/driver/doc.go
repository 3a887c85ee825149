//go:build linux

// Command driver measures a broker and prints one table and one line of JSON.
//
//	go run ./tests/bench/driver                   everything, in a few minutes
//	go run ./tests/bench/driver -only produce     lines whose name contains a word
//	go run ./tests/bench/driver -server FILE      a binary that is there already
//	BENCH_SHORT=1 go run ./tests/bench/driver     smaller sizes, under a minute: shows that it works
//
// It builds the three programs, starts them in a folder of its own, which it removes at the end, and needs
// 12 GiB of disk (1 GiB in the short form). Each line has a goal and says whether the figure meets it. The
// exit status says whether the measurement could be done; a goal that is missed does not change it.
//
// It refuses to run a client whose pace is measured, or to serve anything, itself: what shares its process
// shares its garbage collector. Members of groups, which wait most of the time, are its own. Nothing imports
// it.
package main
