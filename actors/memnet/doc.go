// Package memnet is a network inside one process: listeners and connections without a socket, a port or a
// file descriptor. A node that is embedded in a program, and clusters in tests, speak over it as over TCP.
//
//	network := memnet.New()
//	listener, _ := network.Listen(ctx, "tcp", "broker-1:9092")
//	conn, _ := network.DialContext(ctx, "tcp", "broker-1:9092")
//
// An address is any HOST:PORT; the host needs not exist, and port 0 takes one that is free for the host. Each
// direction of a connection holds at most bufferBytes, so a reader that is slow holds its writer back, as the
// buffers of a kernel do. Deadlines work, a closed side can still be read to its end, and CloseWrite shuts
// one direction.
//
// It refuses to be a model of a bad network: nothing is lost, delayed or reordered. It knows nothing of Kafka
// or actors. Anybody may import it.
//
// The standard library has net.Pipe, which holds nothing: each write waits for its reader, two processes that
// write at the same time wait for each other, and there is nothing to listen at.
package memnet
