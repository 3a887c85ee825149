package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU returns the user and system time of all threads of a process so far.
func CPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program is in parentheses and may contain anything; fields are counted from behind it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[user : system+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

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
