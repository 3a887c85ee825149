package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// module is where the sources are, seen from a package two folders below tests' parent.
const module = "../.."

// Main builds the server, runs the tests and removes the binary: call it from TestMain. It returns the exit
// status; the path of the binary goes to the variable that binary points to.
func Main(binary *string, run func() int) int {
	dir, err := os.MkdirTemp("", "chronik-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }() // a leftover in the temporary folder does no harm
	*binary = filepath.Join(dir, "chronik-server")
	build := exec.Command("go", "build", "-o", *binary)
	build.Env = os.Environ()
	if Race {
		build.Args = append(build.Args, "-race")
	} else {
		build.Env = append(build.Env, "CGO_ENABLED=0")
	}
	build.Args = append(build.Args, "./cmd/chronik-server")
	build.Dir, build.Stderr = module, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the server:", err)
		return 1
	}
	return run()
}
