package groups

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// patience bounds every wait of a run.
const patience = 90 * time.Second

// hosts are the processes of one run. They all write to one pipe: the order of its lines is the order of
// what happened, across processes, up to the last line of one that was killed.
type hosts struct {
	command []string
	output  *os.File // where they write
	lines   chan string
	running map[string]*host
}

type host struct {
	command *exec.Cmd
	orders  io.WriteCloser
	members []string
	named   int // members so far: none has the name of an earlier one
}

// newHosts returns no hosts; command starts one when the session timeout in milliseconds is added.
func newHosts(command []string) (*hosts, error) {
	input, output, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	h := &hosts{command: command, output: output, lines: make(chan string, 1<<14), running: make(map[string]*host)}
	go func() {
		defer close(h.lines)
		for scanner := bufio.NewScanner(input); scanner.Scan(); {
			h.lines <- scanner.Text()
		}
	}()
	return h, nil
}

// start runs one more host with this session timeout. Its diagnostics go where the run's own do.
func (h *hosts) start(name string, session time.Duration) error {
	command := exec.Command(h.command[0], append(slices.Clone(h.command[1:]), fmt.Sprint(session.Milliseconds()))...)
	command.Stdout, command.Stderr = h.output, os.Stderr
	// It ends with the run, whatever ends that: its input does, and the kernel sees to one that hangs.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	orders, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	h.running[name] = &host{command: command, orders: orders}
	return nil
}

// join starts members in a host.
func (h *hosts) join(name string, count int) error {
	one := h.running[name]
	for range count {
		member := fmt.Sprintf("%s%d", name, one.named)
		one.named++
		one.members = append(one.members, member)
		if _, err := fmt.Fprintln(one.orders, "join", member); err != nil {
			return fmt.Errorf("host %s: %w", name, err)
		}
	}
	return nil
}

// leave lets the members of a host that came last leave in order.
func (h *hosts) leave(name string, count int) error {
	one := h.running[name]
	for range count {
		last := len(one.members) - 1
		member := one.members[last]
		one.members = one.members[:last]
		if _, err := fmt.Fprintln(one.orders, "leave", member); err != nil {
			return fmt.Errorf("host %s: %w", name, err)
		}
	}
	return nil
}

// crash kills a host and says of its members, after their last words, that they are gone.
func (h *hosts) crash(name string) error {
	one := h.running[name]
	delete(h.running, name)
	if err := one.command.Process.Kill(); err != nil {
		return err
	}
	_ = one.command.Wait() // with the signal as its error
	for _, member := range one.members {
		if _, err := fmt.Fprintln(h.output, "crashed", member); err != nil {
			return err
		}
	}
	return nil
}

// members returns who is in the group.
func (h *hosts) members() []string {
	var all []string
	for _, one := range h.running {
		all = append(all, one.members...)
	}
	return all
}

// stop ends the orders, waits until every host has ended, and hands on what they said meanwhile. A host that
// does not end by itself is killed and told of as an error.
func (h *hosts) stop(take func(string)) error {
	ended := make(chan error, len(h.running))
	for name, one := range h.running {
		_ = one.orders.Close() // it may have ended by itself
		timer := time.AfterFunc(patience, func() { _ = one.command.Process.Kill() })
		go func() {
			defer timer.Stop()
			err := one.command.Wait()
			if err != nil {
				err = fmt.Errorf("host %s did not end in order: %w", name, err)
			}
			ended <- err
		}()
	}
	result := make(chan error, 1)
	go func() {
		var wrong []error
		for range cap(ended) {
			wrong = append(wrong, <-ended)
		}
		_ = h.output.Close() // the last writer: the lines end
		result <- errors.Join(wrong...)
	}()
	for line := range h.lines {
		take(line)
	}
	return <-result
}
