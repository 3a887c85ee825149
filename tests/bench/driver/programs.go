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
	"time"

	stats "github.com/chronik-go/chronik/tests/bench"
)

// programs are the paths of the binaries.
type programs struct{ server, floor, load, slow string }

// build makes the binaries as they are shipped.
func build(ctx context.Context, dir, server string) (programs, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return programs{}, err
	}
	p := programs{server, filepath.Join(dir, "floor"), filepath.Join(dir, "load"), filepath.Join(dir, "slow")}
	packages := map[string]string{
		p.floor: "./tests/bench/floor", p.load: "./tests/bench/load", p.slow: "./tests/bench/slow",
	}
	if server == "" {
		p.server = filepath.Join(dir, "chronik-server")
		packages[p.server] = "./cmd/chronik-server"
	}
	for output, source := range packages {
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, source)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := command.CombinedOutput(); err != nil {
			return programs{}, fmt.Errorf("build %s: %w\n%s", source, err, text)
		}
	}
	return p, nil
}

// child is a program that runs until its standard input ends and that says one line when it is ready.
type child struct {
	command *exec.Cmd
	stdin   io.Closer
	addr    string // where it serves
}

func (c *child) pid() int { return c.command.Process.Pid }

func (c *child) stop() {
	_ = c.stdin.Close() // it ends by that
	_ = c.command.Wait()
}

// spawn starts a program and reads its first line into said.
func spawn(said any, program string, args ...string) (*child, error) {
	c := &child{command: exec.Command(program, args...)}
	c.command.Stderr = os.Stderr
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	text, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, said)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("%s %v: %w", filepath.Base(program), args, err)
	}
	return c, nil
}

// startFloor starts the floor.
func (b *bench) startFloor() (*child, error) { return b.startServing(b.programs.floor, "serve") }

// startBoth starts the floor and a node to compare with it, and returns how to end both.
func (b *bench) startBoth(ctx context.Context) (floor *child, node *node, stop func(), err error) {
	if floor, err = b.startFloor(); err != nil {
		return nil, nil, nil, err
	}
	if node, err = b.startNode(ctx, ""); err != nil {
		floor.stop()
		return nil, nil, nil, err
	}
	return floor, node, func() { node.kill(); floor.stop() }, nil
}

// startServing starts a program that serves, in a folder of its own.
func (b *bench) startServing(program string, args ...string) (*child, error) {
	dir, err := os.MkdirTemp(b.dir, filepath.Base(program)+"-")
	if err != nil {
		return nil, err
	}
	var served stats.Served
	c, err := spawn(&served, program, append(args, "-dir", dir)...)
	if err != nil {
		return nil, err
	}
	c.addr = served.Addr
	return c, nil
}

// ask runs a program to its end and reads what it says into said.
func ask(ctx context.Context, said any, program string, args ...any) error {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = fmt.Sprint(arg)
	}
	command := exec.CommandContext(ctx, program, words...)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err == nil {
		err = json.Unmarshal(text, said)
	}
	if err != nil {
		return fmt.Errorf("%s %v: %w", filepath.Base(program), words, err)
	}
	return nil
}

// spent runs f and returns what a process has spent meanwhile.
func spent(pid int, f func() error) (time.Duration, error) {
	before, err := stats.CPU(pid)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := stats.CPU(pid)
	return after - before, err
}
