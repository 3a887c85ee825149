package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. Unlimited stands for no bound.
type Size int64

// Unlimited is the size and the duration without bound, in Kafka's own way of saying it.
const Unlimited = -1

const unlimitedWord = "unlimited"

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{ // Longest suffixes first: "B" ends them all.
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads "1048576", "64MiB", "1.5GiB", "10MB" or "unlimited".
func ParseSize(text string) (Size, error) {
	text = strings.TrimSpace(text)
	if text == unlimitedWord || text == "-1" {
		return Unlimited, nil
	}
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, found := strings.CutSuffix(text, u.suffix); found {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if whole, err := strconv.ParseInt(strings.ReplaceAll(number, "_", ""), 10, 64); err == nil {
		if whole < 0 || whole > math.MaxInt64/unit {
			return 0, fmt.Errorf("%q is not between 0 and %d bytes", text, int64(math.MaxInt64))
		}
		return Size(whole * unit), nil
	}
	part, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(part) || part < 0 || part*float64(unit) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size; write 1048576, 64MiB, 10GB or unlimited", text)
	}
	return Size(part * float64(unit)), nil
}

// String writes the size in the largest binary unit that divides it.
func (s Size) String() string {
	if s == Unlimited {
		return unlimitedWord
	}
	for _, u := range []string{"TiB", "GiB", "MiB", "KiB"} {
		for _, unit := range sizeUnits {
			if unit.suffix == u && s > 0 && int64(s)%unit.bytes == 0 {
				return fmt.Sprintf("%d%s", int64(s)/unit.bytes, u)
			}
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

const day = 24 * time.Hour

// ParseDuration reads Go's notation ("90s", "1h30m"), whole days ("7d") and "unlimited".
func ParseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == unlimitedWord || text == "-1" {
		return Unlimited, nil
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.ParseInt(days, 10, 64)
		if err == nil && n >= 0 && n <= int64(math.MaxInt64/day) {
			return time.Duration(n) * day, nil
		}
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < 0 {
		return 0, fmt.Errorf("%q is not a duration; write 500ms, 30s, 1h30m, 7d or unlimited", text)
	}
	return duration, nil
}
