// Command benchnats puts on NATS JetStream the load that tests/bench/load puts on Kafka's protocol, as far as
// the two can do the same, and prints the same words. The module is one of its own, so that neither the
// client nor the server, which is its tool, becomes a dependency of the broker.
//
//	benchnats create -broker ADDRS -topic T -replicas N   a stream on files with the subject T
//	benchnats delete -broker ADDRS -topic T
//	benchnats flood -broker ADDRS -topic T -record BYTES -for D
//	benchnats small -broker ADDR -topic T -for D          one record of 100 B in flight
//	benchnats pace -broker ADDRS -topic T -rate R -record BYTES -for D
//	benchnats first -broker ADDR -topic T                 tries until a first record is acknowledged
//
// It refuses to be a client of anything else. Only tests/bench/peers runs it.
package main
