package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// longestLine is room for the stack trace of a failed actor, which is one line of JSON.
const longestLine = 1 << 20

// Options say how to start a node.
type Options struct {
	Binary  string
	Data    string
	Address string   // of the Kafka listener
	Env     []string // "CHRONIK_...=..."
	// Config, if set, is a file that says all of it; Address and HTTP are what it names, and Data is not used.
	Config string
	HTTP   string // of the HTTP listener; a free address if empty
	// Start, if set, starts the process in place of command.Start: in a namespace, for example.
	Start func(command *exec.Cmd) error
	// OnLine, if set, hears every log message on the goroutine that reads the log.
	OnLine func(message string)
	// OnLog, if set, hears every line of the log as it stands there, on the same goroutine. It may keep it.
	OnLog func(line string)
}

// command is what starts the server.
func (o Options) command() *exec.Cmd {
	if o.Config != "" {
		return exec.Command(o.Binary, "start", "--config", o.Config)
	}
	return exec.Command(o.Binary, "start", "--data-dir", o.Data, "--bind", o.Address)
}

// Process is a running server.
type Process struct {
	Address string // of the Kafka listener, with the port it got
	HTTP    string // of the HTTP listener

	command *exec.Cmd
	ready   chan struct{} // closed once the node serves
	exited  chan struct{} // closed once it has ended
	err     error         // how it ended; read after exited

	mu  sync.Mutex
	log bytes.Buffer
}

// line is what is read of a log line.
type line struct {
	Message string `json:"message"`
	Kafka   string `json:"kafka"`
}

// Launch starts a server and does not wait until it serves.
func Launch(options Options) (*Process, error) {
	if options.HTTP == "" {
		free, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		options.HTTP = free
	}
	p := &Process{
		Address: options.Address, HTTP: options.HTTP, command: options.command(),
		ready: make(chan struct{}), exited: make(chan struct{}),
	}
	p.command.Env = append(append(os.Environ(), "CHRONIK_BIND_METRICS="+options.HTTP), options.Env...)
	// The server ends with its test, whatever ends the test.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := p.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	start := p.command.Start
	if options.Start != nil {
		start = func() error { return options.Start(p.command) }
	}
	if err := start(); err != nil {
		return nil, err
	}
	go p.read(stderr, options)
	return p, nil
}

// Start starts a server and returns when it serves.
func Start(ctx context.Context, options Options) (*Process, error) {
	p, err := Launch(options)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx)
}

// read keeps the log until the server ends.
func (p *Process) read(stderr io.Reader, options Options) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		p.mu.Lock()
		p.log.Write(lines.Bytes())
		p.log.WriteByte('\n')
		p.mu.Unlock()
		if options.OnLog != nil {
			options.OnLog(lines.Text())
		}
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue // the trace of a crash is no JSON
		}
		if l.Message == "chronik is ready" {
			close(p.ready)
		}
		if options.OnLine != nil {
			options.OnLine(l.Message)
		}
	}
	p.err = p.command.Wait()
	close(p.exited)
}

// Await returns when the server serves, or fails when it ends before or the context does.
func (p *Process) Await(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("the server ended: %w\n%s", p.err, p.Log())
	case <-ctx.Done():
		return fmt.Errorf("the server does not serve: %w\n%s", ctx.Err(), p.Log())
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ready is closed once the server serves.
func (p *Process) Ready() <-chan struct{} { return p.ready }

// Signal sends the server a signal. It fails only when the server has ended.
func (p *Process) Signal(signal os.Signal) error { return p.command.Process.Signal(signal) }

// Exited is closed once the server has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err says how the server ended. It must have.
func (p *Process) Err() error { return p.err }

// Log returns what the server logged so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // fails only when it has ended
	<-p.exited
}

// Stop asks the server to stop and waits. It fails when the server does not stop in order within the time.
func (p *Process) Stop(within time.Duration) error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, p.err)
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("the server did not stop within %s\n%s", within, p.Log())
	}
}
