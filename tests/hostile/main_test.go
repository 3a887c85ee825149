package hostile

import (
	"fmt"
	"os"
	"testing"

	"github.com/chronik-go/chronik/tests/node"
)

// server is the path of the program.
var server string

// hordeOf, in the environment, makes this program the horde that attacks the broker at that address.
const hordeOf = "CHRONIK_HORDE_OF"

func TestMain(m *testing.M) {
	address := os.Getenv(hordeOf)
	if address == "" {
		os.Exit(node.Main(&server, m.Run))
	}
	if err := beHorde(address, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "horde:", err)
		os.Exit(1)
	}
}
