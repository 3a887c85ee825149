//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// process is a broker that can be started again on the same addresses and data.
type process struct {
	program string
	args    []string
	env     []string
	log     string // its output, of all its lives
	command *exec.Cmd
}

func (p *process) start() error {
	output, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer output.Close()
	p.command = exec.Command(p.program, p.args...)
	p.command.Env = append(os.Environ(), p.env...)
	p.command.Stdout, p.command.Stderr = output, output
	// It ends with the driver, whatever ends the driver.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The floor lives until this ends, which it does with the process or with the driver.
	if _, err := p.command.StdinPipe(); err != nil {
		return err
	}
	return p.command.Start()
}

func (p *process) pid() int { return p.command.Process.Pid }

// kill ends the process as a crash would.
func (p *process) kill() {
	if p.command == nil || p.command.Process == nil {
		return
	}
	_ = p.command.Process.Kill() // it may have ended by itself
	_ = p.command.Wait()         // with the signal as its error
}

// usage is what the operating system has counted for some processes.
type usage struct {
	cpu     time.Duration
	written int64
	peak    int64         // resident memory of the largest
	client  time.Duration // CPU of the client, where it was counted
}

func usageOf(processes []*process) (usage, error) {
	var sum usage
	for _, p := range processes {
		cpu, err := stats.CPU(p.pid())
		if err != nil {
			return sum, err
		}
		written, err := stats.Written(p.pid())
		if err != nil {
			return sum, err
		}
		peak, err := stats.PeakRSS(p.pid())
		if err != nil {
			return sum, err
		}
		sum.cpu += cpu
		sum.written += written
		sum.peak = max(sum.peak, peak)
	}
	return sum, nil
}

// spent runs f and returns what the processes used until they came to rest: what a broker does after the last
// answer, such as a checkpoint, belongs to the run.
func spent(processes []*process, f func() (client time.Duration, err error)) (usage, error) {
	for _, p := range processes {
		if err := stats.ResetPeak(p.pid()); err != nil {
			return usage{}, err
		}
	}
	before, err := usageOf(processes)
	if err != nil {
		return usage{}, err
	}
	client, err := f()
	if err != nil {
		return usage{}, err
	}
	if err := awaitQuiet(processes); err != nil {
		return usage{}, err
	}
	after, err := usageOf(processes)
	after.cpu -= before.cpu
	after.written -= before.written
	after.client = client
	return after, err
}

const (
	// Processes are quiet when they spend less than a tenth of a core for so long; loudest bounds the wait.
	quietFor = 200 * time.Millisecond
	loudest  = 3 * time.Second
)

func awaitQuiet(processes []*process) error {
	look := time.NewTicker(quietFor)
	defer look.Stop()
	before, err := usageOf(processes)
	for begun := time.Now(); err == nil && time.Since(begun) < loudest; {
		<-look.C
		var now usage
		if now, err = usageOf(processes); now.cpu-before.cpu <= quietFor/10 {
			break
		}
		before = now
	}
	return err
}

// client is a load program that runs beside the driver and says a line of JSON now and then.
type client struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Reader
}

func spawn(program string, args ...any) (*client, error) {
	c := &client{command: exec.Command(program, words(args)...)}
	c.command.Stderr = os.Stderr
	c.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewReader(stdout)
	return c, c.command.Start()
}

// hear reads the next line into said.
func (c *client) hear(said any) error {
	text, err := c.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, said)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c.command.Args[1:], err)
	}
	return nil
}

func (c *client) stop() {
	_ = c.command.Process.Kill() // it may have ended by itself
	_ = c.command.Wait()         // nobody asks any more
}

// ask runs a load program to its end and reads what it says.
func ask(ctx context.Context, said any, program string, args ...any) error {
	_, err := load(ctx, said, program, args...)
	return err
}

// load is ask that also returns the CPU time of the program.
func load(ctx context.Context, said any, program string, args ...any) (time.Duration, error) {
	command := exec.CommandContext(ctx, program, words(args)...)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err == nil && said != nil {
		err = json.Unmarshal(text, said)
	}
	if err != nil {
		return 0, fmt.Errorf("%s %v: %w", filepath.Base(program), words(args), err)
	}
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime(), nil
}

func words(args []any) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = fmt.Sprint(arg)
	}
	return all
}
