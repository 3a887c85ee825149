package cluster

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-go/chronik/tests/cluster/drive"
	"github.com/chronik-go/chronik/tests/cluster/load"
	"github.com/chronik-go/chronik/tests/node"
)

var server string

func TestMain(m *testing.M) {
	drive.Main()
	status := node.Main(&server, m.Run)
	printTable()
	os.Exit(status)
}

// full tells whether the tests are to be as long as the table says.
var full = os.Getenv("CHRONIK_CLUSTER") == "full"

// form is what the short and the full form of a test differ in.
func form[T any](short, long T) T {
	if full {
		return long
	}
	return short
}

// besideOthers is what a duration may take where the tests of other packages use the same cores.
const besideOthers = 3

// limit is a bound on a duration.
func limit(d time.Duration) time.Duration {
	if testing.Short() && !full {
		return besideOthers * d
	}
	return d
}

// factor is a bound on a ratio that is 1 at best.
func factor(f float64) float64 {
	if testing.Short() && !full {
		return 1 + 2*besideOthers*(f-1)
	}
	return f
}

var (
	tableMu sync.Mutex
	table   []string
)

// row prints a line of the table, and fails the test if the figure is not what it must be.
func row(t *testing.T, what, bound string, kept bool, figure string, arguments ...any) {
	t.Helper()
	measured := fmt.Sprintf(figure, arguments...)
	verdict := "yes"
	if !kept {
		verdict = "NO"
		t.Errorf("%s: must be %s, is %s", what, bound, measured)
	}
	line := fmt.Sprintf("| %s | %s | %s | %s |", what, bound, measured, verdict)
	t.Log(line)
	tableMu.Lock()
	defer tableMu.Unlock()
	table = append(table, line)
}

func printTable() {
	if len(table) > 0 {
		fmt.Printf("| what | must be | measured | kept |\n|---|---|---|---|\n%s\n", strings.Join(table, "\n"))
	}
}

// atMost writes a bound on a duration.
func atMost(d time.Duration) string { return "≤ " + limit(d).String() }

// show writes a duration in a table.
func show(d time.Duration) string { return load.Round(d).String() }
