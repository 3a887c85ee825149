// Package partitionlog is the log of one partition replica on disk: record batches in Kafka's own files, with
// the indexes, the leader-epoch history and the producer table that belong to them.
//
// It shows committed batches only: the end of the log is the high watermark, and nothing before it is ever
// cut off because a leader changed. What is not committed yet lives in the write-ahead log, so a crash loses
// nothing that cannot be applied again; some of it lies here already, beyond the end, see below.
//
// # Files
//
// A directory for each partition, with the names and formats of Kafka 4, so that Kafka's own tools read it:
//
//	<offset>.log              record batches of format v2, one after the other
//	<offset>.index            8 bytes for about every index interval: last offset of a batch - base, position
//	<offset>.timeindex        12 bytes: largest timestamp so far, offset that has it - base
//	<offset>.txnindex         34 bytes for each aborted transaction whose marker is in the segment
//	<offset>.snapshot         producer table (snapshot.go)
//	leader-epoch-checkpoint   text: version 0, number of entries, "epoch start" lines
//	partition.metadata        text: version 0, topic id
//	chronik-segments          not Kafka's: the manifest of closed segments (manifest.go)
//	chronik-compaction        not Kafka's: how far the log, and the pass under way, has come (progress.go)
//	<offset>.*.cleaned        a segment that compaction is writing
//
// Beside it there may be one that ends in .1-future or .2-future, into which the log is copied anew
// (renewal.go).
//
// <offset> has 20 digits. A new partition is a directory with partition.metadata; the rest comes with the
// first append and the first flush.
//
//	.log   | batch | batch | batch | ...                 .index      | 57, 4180 | 121, 8360 | ...
//	        ^0              ^4180                         .timeindex  | t, 40    | t', 121   | ...
//
// Index files are written by flushes only. Until then their entries are in memory, and after a crash they
// are good up to the checkpoint.
//
// # Who does what
//
//	Log    one owner (the applier): appends, moves the log start, captures
//	Placer the write-ahead log's owner: writes large batches ahead, see below
//	View   anybody: an immutable picture of the log, published after every change
//	flush  the janitor: returned by Capture, makes the captured state durable
//	Compaction
//	       the cleaner: returned by Compact, writes compacted segments and exchanges them for the old ones
//
// A checkpoint runs through these steps, of which only the second may take long:
//
//	owner    Capture       remembers end, sizes, dirty files
//	janitor  flush         syncs .log and index files, writes manifest and snapshot, syncs the directory
//	janitor                puts the State into the write-ahead log
//	owner    Checkpointed  removes what only older states needed, rests if idle
//
// After a crash Open goes back to the State of the last checkpoint (Boot: files are cut back to it), and the
// caller applies again what the write-ahead log has beyond it. After a mere actor crash readers of older
// views may be in the middle of the files; then (Rebuild) only the logical end goes back, and the same bytes
// are written to the same places, rolling where the files say that it was rolled before.
//
// Removed segments leave the View at once. Their files are unlinked by Checkpointed, without Kafka's detour
// over a .deleted name and a delay: readers that are sending from a file hold it open, and a removal that a
// crash cuts in half is finished by the next Boot, since the State names the first segment.
//
// # Compaction
//
// Dirt says whether a log wants to be compacted, Compact begins it; how it goes is told in compaction.go, how
// segments are exchanged without a moment at which a crash would lose anything in compaction_exchange.go, and
// how a later process goes on where one was killed in compaction_pass.go.
//
// It touches closed segments below the last checkpoint only. Every replica compacts for itself, so replicas
// differ in what is still to be cleaned, but not in the last value of a key. What is taken out leaves no gap
// in the chain of offsets: batches without records (batch.Filler) stand for it. So nothing else in this
// package has to know of compaction, except who copies: a batch that is copied says nothing of producers,
// and one filler may stand for several batches of another replica.
//
// The owner's calls and an exchange of segments exclude each other (Log.mu). A view from before an exchange
// stays readable: files that are open stay so, and for all others it asks the Log for its newest view.
//
// # Transactions
//
// The log follows which transactions are open (transactions.go). The first record of the oldest one is the
// last stable offset, up to which ReadCommitted goes. What was aborted stays in the log until compaction
// takes it; an index entry for each aborted transaction (aborted_index.go) tells readers to leave it out. All
// of that follows from the batches alone, so every replica has it, also one that copies.
//
// # Copying from another replica
//
//	owner here    Have       tells where this log ends
//	owner there   Share      notes what its log holds
//	anybody       Source     reads the missing batches and the producer table in pieces (pieces.go)
//	owner here    Restore    checks a piece and appends its batches
//	owner here    Restored   takes over the producer table, flushes, returns the State
//	owner here    Renew      when the State is in the write-ahead log: returns the log to go on with
//
// That is the same log, unless it ended below where the other one has lost tombstones or transaction markers
// to compaction for good (purge.go): then all is copied anew beside it, and takes its place.
//
// The log is then ahead of the caller's own entries until these have come as far; the caller shows them to
// Repeat, which skips what is there. How a log begins anew that ends before the other one's start, and why
// all of this may stop at any moment, is told in restore.go.
//
// # Batches in place before they are committed
//
// A large batch is written once. The turn that makes entries durable has the Placer write it to the active
// segment, at the position at which it will stand if everything before it is committed, and the write-ahead
// log refers to it there. When the owner appends it, it is in place, and only what is known of the log
// changes: view, indexes, producers.
//
//	view     | what readers see, to the high watermark |
//	segment  | appended .............................. | gap | placed | placed | gap | placed | left over
//
// The design has segments hold what is committed and nothing else, which means to write each record twice;
// tests/bench/README.md has what that costs. What the rule was for is kept otherwise: reads need no
// coordination, nothing that was ever shown is cut off or written over, and closed segments hold what is
// committed, to the byte.
//
// A gap is for batches that the write-ahead log holds itself; they are written when they are appended. What
// follows from all that:
//
//	readers           never see it: a view ends at the high watermark, whatever the file holds
//	another leader    replaces pending batches. Until the round that does so is durable nothing is written
//	                  over the old ones, so those that come in their stead go into the log itself (Placer.drop)
//	a new segment     begins only with a batch that is committed. Nothing is placed behind one that may begin
//	                  one, and no segment ends before one that is placed (Placer.decide). What is left over
//	                  beyond the end is cut off when it is closed
//	a State           tells of what is appended. Indexes, producers and epochs know of nothing else
//	Boot              cuts back to the State, but not what the write-ahead log refers to, and keeps the
//	                  segments in which that lies; they begin where they did before
//	Rebuild           finds in place what was, and writes the rest to the same places
//	files of the log  are needed until a checkpoint covers their entries, as ever; then the segment is synced
//	compaction and    touch what lies below a checkpoint, to which nothing refers any more
//	retention
//	copying           from another replica writes where placed batches lie. Before, the write-ahead log takes
//	                  them in (wal.Embed), and until it is over nothing is placed. A piece that comes while
//	                  something is placed is refused
//	a failed write    leaves the batch to the log; a failed sync stops the node, as that of the log does
//
// The position of a batch is known only while all before it is (Placer.open). Where it is not, after a start,
// a command or a new segment, batches go into the log until the owner has come that far.
//
// # What can be believed
//
// The CRC of a batch covers neither its base offset and epoch nor its length. Bytes that this process did
// not write itself are therefore compared, once, before they are first used: the CRC of every batch, the
// chain of offsets from an index entry on, and the epochs against the history. Index files have no checksum
// of their own; theirs is kept in the State and in the manifest, and one that does not match is replaced by a
// scan. So a damaged index costs time; a damaged batch is a *CorruptError and is never served.
//
// # What it refuses to be
//
// It does not replicate, does not know leaders or requests, starts no goroutine, reads no clock and logs
// nothing. It does not decide when to delete; View.Expired says what retention would, and the caller makes
// that a command that all replicas apply. It does not repair damaged batches: another replica has them.
//
// It imports protocol, protocol/batch, storage/vfs and the types of storage/wal. The partition's machine and
// the readers of the request packages may import it.
package partitionlog
