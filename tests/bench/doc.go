// Package bench measures the broker against what physics demands for the same bytes. `make bench` runs it:
//
//	driver   starts everything, measures, prints one table and one JSON
//	load     the client, in a process of its own, so that its CPU is told apart from the broker's
//	floor    does what a broker cannot avoid, and nothing else
//	slow     the broker on a disk that takes longer to sync
//
// `make bench-peers` runs scenarios on other brokers and on this one in turn; its driver is peers, with kafka
// and nats for what it fetches, and README.md says what came out.
//
// This package holds what they share: how a process is measured, and the words they exchange.
//
// # What makes the comparison fair
//
// The floor speaks just enough of the Kafka protocol for the same client to work with it, so both sides get
// the same requests: same sizes, same pace, the same number in flight, and each waits for its answers in the
// same way. A replay of frames recorded elsewhere would fix one broker's pace for the other. Decoding a
// request's envelope costs the floor what it costs the broker, as it is the same code, and is far below one
// percent: a request carries megabytes.
//
// Producing, the floor receives on loopback into buffers that it uses again, checks the CRC-32C of each batch
// once, writes everything that waits into one of four preallocated files in turn with one vectored write,
// calls fdatasync, and writes each partition's batches to its segment with one vectored write. It keeps no
// index, no producer state, no Raft log and no checkpoint, and never syncs a segment. Consuming, it is a bare
// sendfile loop: it knows where each batch begins and sends file ranges of the size that the client asks for.
// For each partition of a fetch that is one write of the sixty bytes before the records and one sendfile of
// up to a MiB, all from the goroutine that has read the request: as many round trips and pieces of the same
// size as the broker has, since the same client asks for them.
//
// CPU is user and system time of the whole process by its CPU clock, so the kernel's share of each write is
// in it, on both sides; that of the client's half of the loopback, too, where the kernel does it in the
// sender's turn. The clock counts nanoseconds. A run of consuming takes about a tenth of a second of it, for
// a GiB, and there are fifteen on each side.
//
// Figures are ratios of runs that alternate, floor, broker, floor, broker, in one machine state; the table
// shows the median ratio and the spread. Both have been warmed up: the write-ahead log is then at the point
// where it recycles files, which is where a broker spends its life.
//
// Latency is taken at the socket by a client that does nothing but write a frame and read a reply, since the
// broker answers for its own microseconds and not for those of a client library.
//
// Groups, transactions and compaction have no floor: what they must do is the broker's own choice. Their rows
// say what a user waits for: how soon a group of twenty is whole again when one member leaves, whose members
// ask ten times a second whether anything changed; how soon each of a thousand groups whose coordinator was
// killed answers with its committed offset, asked every 5 ms at a node that lives; commits and transactions
// per second over many connections; and what a group or a member keeps in memory.
//
// It refuses to be a test: it fails only when something does not work, never because of a figure. Nothing
// but the programs below it imports it.
package bench
