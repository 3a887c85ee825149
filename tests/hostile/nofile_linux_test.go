package hostile

import "syscall"

// raiseOpenFiles gets the process as many file descriptors as it is allowed to have, up to wanted.
func raiseOpenFiles(wanted uint64) uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 256
	}
	if limit.Cur >= wanted {
		return limit.Cur
	}
	raised := syscall.Rlimit{Cur: wanted, Max: max(limit.Max, wanted)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil { // raising Max is for root
		raised = syscall.Rlimit{Cur: min(wanted, limit.Max), Max: limit.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised); err != nil {
			return limit.Cur
		}
	}
	return raised.Cur
}
