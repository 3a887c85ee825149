package hostile

import (
	"fmt"
	"syscall"
)

// ownFiles is how many files a process of these tests opens beside the sockets between the horde and the
// broker: the log, segments, the normal client and what the runtime has.
const ownFiles = 500

// needFiles gets this process the file descriptors for so many sockets, or says what to do about it.
func needFiles(sockets int) error {
	wanted := uint64(sockets + ownFiles)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur >= wanted {
		return nil
	}
	raised := syscall.Rlimit{Cur: wanted, Max: max(limit.Max, wanted)} // raising Max is for root
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
		return fmt.Errorf("%d connections need %d open files in each process and the hard limit is %d (%w); "+
			"raise it, as with `ulimit -Hn %d` as root or LimitNOFILE, or run with -short",
			sockets, wanted, limit.Max, err, wanted)
	}
	return nil
}
