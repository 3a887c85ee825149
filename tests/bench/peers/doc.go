//go:build linux

// Command peers measures Chronik beside Apache Kafka and NATS JetStream: `make bench-peers`. It fetches the
// one by Maven and builds the other as a Go module, starts each on loopback with fresh data, one node or
// three, runs every scenario on one system after the other, again and again, and prints one table and one
// line of JSON.
//
//	go run ./tests/bench/peers -scenarios list
//	go run ./tests/bench/peers -scenarios produce-1k,serial -rounds 3 -for 10s
//	go run ./tests/bench/peers -short          one node beside the floor program, for CI
//
// tests/bench/README.md says what is compared, how, and what came out.
//
// It refuses to be a test of Kafka or NATS: they run as they come, and what one of them cannot do, or not in
// five minutes, is left out and named. It fails because of a figure in the short form only, and only because
// of ratios.
package main
