package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// RSS returns the resident memory of a process in bytes.
func RSS(pid int) (int64, error) { return named(of(pid, "status"), "VmRSS:", 1<<10) }

// PeakRSS returns the most that it was since the process began or since ResetPeak.
func PeakRSS(pid int) (int64, error) { return named(of(pid, "status"), "VmHWM:", 1<<10) }

// ResetPeak makes PeakRSS begin anew.
func ResetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// Written returns the bytes that a process has made the system write to disks.
func Written(pid int) (int64, error) { return named(of(pid, "io"), "write_bytes:", 1) }

func of(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

// named reads a number of a file by the word before it.
func named(file, name string, unit int64) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == name {
			value, err := strconv.ParseInt(fields[1], 10, 64)
			return value * unit, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}
