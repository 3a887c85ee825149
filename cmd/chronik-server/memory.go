package main

import (
	"bufio"
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	cmap "github.com/orcaman/concurrent-map"

	"github.com/chronik-go/chronik/actors/config"
)

// Where the system says how much memory there is; a container's bound comes first.
const (
	cgroupLimitFile   = "/sys/fs/cgroup/memory.max"
	cgroupV1LimitFile = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
	memoryInfoFile    = "/proc/meminfo"
)

// heapShare of the machine's memory is what the collector keeps to by default: reads are served from the
// page cache, which lives in the rest.
const heapShare = 0.6

// ballastBytes and ballastShare bound the ballast: a block that is never touched, so it takes no memory, but
// counts as living data for the pace of the collector. What lives in a broker are the requests under way: a
// few MiB in one moment and fifty in the next. Paced by that alone, the heap would shrink and grow again in
// every second, and each page given back to the system comes back with a fault that costs more than the
// bytes it receives. A larger percentage instead would do the same for producers, but would also let what a
// node with many partitions keeps be multiplied by it.
const (
	ballastBytes = 64 << 20
	ballastShare = 8 // of the limit
)

// The framework's table of actors has 1,024 parts to keep processors out of each other's way, and each part
// is a map that is cut in 32 for the same reason, so that nearly every actor has a map of its own. Once is
// enough. The library has a variable for that, which is for a program to set before any map is made, and not
// for a package that is a part of other programs.
func init() { cmap.SHARD_COUNT = 1 }

// ballast is kept here for the life of the process.
//
//lint:ignore U1000 only the collector looks at it
var ballast []byte

// boundMemory sets the collector's soft limit and pace and returns the limit, 0 for none. GOMEMLIMIT and
// GOGC win: whoever sets them knows more than the defaults.
func boundMemory(m config.Memory, environ []string) config.Size {
	limit := limitMemory(m, environ)
	if isSet(environ, "GOGC") {
		return limit
	}
	size := config.Size(ballastBytes)
	if limit > 0 {
		size = min(size, limit/ballastShare)
	}
	ballast = make([]byte, size)
	startPace(int(m.GCPercent), int64(size))
	return limit
}

func limitMemory(m config.Memory, environ []string) config.Size {
	if isSet(environ, "GOMEMLIMIT") {
		return config.Size(debug.SetMemoryLimit(-1)) // negative only reads it
	}
	limit := m.Limit
	if limit == 0 {
		limit = config.Size(heapShare*float64(availableMemory(os.ReadFile))) &^ (1<<20 - 1) // whole MiB read better
	}
	if limit > 0 {
		debug.SetMemoryLimit(int64(limit))
	}
	return limit
}

func isSet(environ []string, name string) bool {
	for _, pair := range environ {
		if value, found := strings.CutPrefix(pair, name+"="); found && value != "" {
			return true
		}
	}
	return false
}

// availableMemory is the smallest bound that the system names, in bytes; 0 if it names none.
func availableMemory(read func(path string) ([]byte, error)) int64 {
	least := int64(0)
	consider := func(bytes int64, ok bool) {
		if ok && bytes > 0 && (least == 0 || bytes < least) {
			least = bytes
		}
	}
	for _, path := range []string{cgroupLimitFile, cgroupV1LimitFile} {
		if text, err := read(path); err == nil {
			limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max" is no number
			consider(limit, err == nil)
		}
	}
	if text, err := read(memoryInfoFile); err == nil {
		consider(memoryTotal(text))
	}
	return least
}

// memoryTotal reads the line "MemTotal:  24676832 kB".
func memoryTotal(text []byte) (int64, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
