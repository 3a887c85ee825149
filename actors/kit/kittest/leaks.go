package kittest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// leakPatience is how long goroutines may take to end. goleak by itself waits for less than half a second; on
// a machine that is busy with other things, a goroutine that has only to return may not run for as long.
const leakPatience = 20 * time.Second

// NoLeaks fails the test unless all goroutines end, but those that the options let off.
func NoLeaks(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := leaks(options...); err != nil {
		t.Error(err)
	}
}

// VerifyMain runs the tests of a package and ends the process. They fail if they leave goroutines behind.
func VerifyMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := leaks(); err != nil {
			fmt.Fprintln(os.Stderr, "after all tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func leaks(options ...goleak.Option) error {
	for until := time.Now().Add(leakPatience); ; {
		if err := goleak.Find(options...); err == nil || time.Now().After(until) {
			return err
		}
	}
}
