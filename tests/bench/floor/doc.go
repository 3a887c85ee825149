//go:build linux

// Command floor does for the bytes of Kafka requests what no broker can avoid, and nothing else. What it does
// and why that is a fair measure stands in package bench.
//
//	floor serve -dir DIR [-bind ADDR]    serve produce and fetch, on a free port, until standard input ends;
//	            [-sync T]                on a disk that takes T longer to sync
//	floor sync -dir DIR -bytes N -for T  write N bytes to a preallocated file and fdatasync, again and again
//
// It refuses to be a broker: nothing survives its end, one connection after another may write, and what it
// answers to anything but produce and fetch is the least that franz-go needs. Only the driver runs it.
package main
