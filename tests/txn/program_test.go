package txn

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// programsVariable names the folder of the client programs that doc.go lists. They need Java, Python and what
// comes from registries, which is not for this package to install: `make interop` makes the folder.
const programsVariable = "CHRONIK_TXN_PROGRAMS"

// programPath is where a program is. Without the folder the test is skipped.
func programPath(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv(programsVariable)
	if dir == "" {
		t.Skip(programsVariable + " names no folder of client programs; make interop has one")
	}
	return filepath.Join(dir, name)
}

// program is a running process of a client. When its input ends, so does it.
type program struct {
	name    string
	command *exec.Cmd
	orders  io.Closer
	ended   chan struct{} // closed once it has ended and all that it said is taken
	err     error         // how it ended; read after ended
	last    string        // of what it said; read after ended
	killed  atomic.Bool
}

// run starts a program. Each line that it says is a word and a rest, which said takes on one goroutine.
func run(name string, said func(word, rest string), path string, arguments ...string) (*program, error) {
	p := &program{name: name, command: exec.Command(path, arguments...), ended: make(chan struct{})}
	p.command.Stderr = os.Stderr
	// It ends with the test, whatever ends that.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	lines, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.orders, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(lines); scanner.Scan(); {
			p.last = scanner.Text()
			word, rest, _ := strings.Cut(p.last, " ")
			said(word, rest)
		}
		p.err = p.command.Wait()
	}()
	return p, nil
}

// kill ends the program as a crash does, and tells whether it had not ended before.
func (p *program) kill() bool {
	p.killed.Store(true)
	err := p.command.Process.Kill()
	<-p.ended
	return err == nil
}

// pause freezes the program, and thaw lets it go on: to others it was dead, and does not know. Both do nothing
// to a program that has ended.
func (p *program) pause() { _ = p.command.Process.Signal(syscall.SIGSTOP) }
func (p *program) thaw()  { _ = p.command.Process.Signal(syscall.SIGCONT) }

// stop lets the program end in order and returns how it did.
func (p *program) stop() error {
	_ = p.orders.Close() // it may have ended by itself
	timer := time.AfterFunc(opTime, func() { _ = p.command.Process.Kill() })
	defer timer.Stop()
	return p.await()
}

// await returns how the program ended. One that was killed has done so in order.
func (p *program) await() error {
	<-p.ended
	if p.err != nil && !p.killed.Load() {
		return fmt.Errorf("%s did not end in order: %w; its last words: %s", p.name, p.err, p.last)
	}
	return nil
}

// slot is a place for a program that others end while it runs.
type slot struct {
	mu      sync.Mutex
	current *program
}

func (s *slot) set(p *program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = p
}

func (s *slot) get() *program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}
