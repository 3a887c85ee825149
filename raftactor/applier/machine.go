package applier

import "github.com/chronik-go/chronik/storage/wal"

// Entry is a committed proposal. Raft's own entries (the empty one of a new leader, changes of the
// membership) are not shown to a Machine, so indexes have gaps.
type Entry struct {
	Term, Index uint64
	Data        []byte // shared with the log in memory: read only
}

// Machine is what a Raft group replicates. All methods except the flush function run in the turn of the
// one applier that opened it; a Machine may block on disk.
type Machine interface {
	// Apply applies committed entries in log order and returns one result per entry, which become the
	// answers to their proposals. An error says that the machine cannot go on (disk): the replica fails,
	// and a new Machine is opened from the last checkpoint. Entries after a checkpoint are applied again
	// then, so their effects must not depend on anything but the machine's state and the entry.
	Apply(entries []Entry) ([]any, error)

	// Lead is called exactly when the first entry of a term that this replica leads has been applied:
	// everything of earlier terms is in the machine and nothing of this term has been proposed yet. The
	// Preparer starts from this state and must not share memory that Apply changes.
	Lead(term uint64) Preparer

	// Capture notes the present state and returns the function that makes it durable. Capture must be
	// cheap; flush runs elsewhere, at the same time as later Applies, and returns what the group opens
	// the machine with after a restart.
	Capture() (flush func() ([]byte, error), err error)

	// Checkpointed says that a state returned by flush is now the one that a restart begins with.
	Checkpointed(machine []byte)

	// Close releases files. Nothing needs to be made durable.
	Close()

	Sharer
}

// Sharer is what a Machine needs to bring the machine of another replica to its state, and to be brought to
// that of another one. The methods run in the turn of the applier, like those of Machine.
type Sharer interface {
	// Have describes what this machine holds, for Share of another replica's machine; nil for nothing.
	Have() []byte

	// Share notes the present state for a replica that has have, and returns what reads all that is missing
	// there. It must be cheap; the Source is read elsewhere, at the same time as later Applies.
	Share(have []byte) (Source, error)

	// Restore takes the next piece of the Source of another replica, in order; first is set for the first
	// one. What it brings is committed: an earlier restore that was not finished is void, and what that one
	// brought may stay. An error says that the pieces cannot be used; the machine is as good as before.
	//
	// Entries that come to Apply after that may be of a state that the machine has been brought past. Apply
	// skips these.
	Restore(piece []byte, first bool) error

	// Restored comes after the last piece. It makes the state durable and returns what the group opens the
	// machine with after a restart, as the flush function of Capture does. It may block on disk.
	Restored() (machine []byte, err error)
}

// Stream is a Source that calls back: the pieces of a state and its end come to functions, no more pieces
// than were asked for.
type Stream interface {
	More() // allows another piece
	Close()
}

// Source reads the state of a machine in pieces. It has one reader, on any goroutine.
type Source interface {
	// Next returns the next piece, which belongs to the caller, or io.EOF after the last one.
	Next() ([]byte, error)
	// Close gives back what the source holds.
	Close()
}

// Preparer turns requests into proposals on the leader. It is owned by the turn of the group's core, runs
// right before the proposal enters the log, and is dropped on loss of leadership. What it has prepared
// commits in that order and without gaps, or the Preparer is dropped before it prepares anything else.
type Preparer interface {
	Prepare(request any) Prepared
}

// Prepared is the outcome of Prepare; the first of these that is set counts.
type Prepared struct {
	Err    error   // refuse the request with it
	Data   []byte  // if not empty: propose this; the answer is the result of Apply. Not to be changed afterwards
	Sum    wal.Sum // of the end of Data, if the machine knows it
	Wait   bool    // propose nothing; give Answer when all that was proposed before is applied
	Answer any     // propose nothing; give this answer now
	// Confirm has Err or Answer wait until a majority has followed this leader up to now. It is for what rests
	// on the state of the leader: another one may have been elected, which this one has not heard of.
	Confirm bool
}

// Open opens a machine at the state of a checkpoint; nil stands for a new one. rebuild says that this
// process has had the machine open before, so its files may be ahead of the checkpoint and may have readers.
type Open func(state []byte, rebuild bool) (Machine, error)
