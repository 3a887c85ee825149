package main

import (
	"os"
	"testing"
)

func TestTheSmallestBoundOfMemoryCounts(t *testing.T) {
	files := map[string]string{memoryInfoFile: "MemFree: 1 kB\nMemTotal:       2048 kB\n"}
	read := func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	if got := availableMemory(read); got != 2<<20 {
		t.Errorf("machine: got %d", got)
	}
	files[cgroupLimitFile] = "max\n"
	if got := availableMemory(read); got != 2<<20 {
		t.Errorf("container without bound: got %d", got)
	}
	files[cgroupLimitFile] = "1048576\n"
	if got := availableMemory(read); got != 1<<20 {
		t.Errorf("container: got %d", got)
	}
	files = nil
	if got := availableMemory(read); got != 0 {
		t.Errorf("nothing known: got %d", got)
	}
}
