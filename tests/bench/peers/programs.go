//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// programs are the paths of the binaries. Those of systems that do not take part are empty.
type programs struct{ server, load, floor, nats, natsLoad, librdkafka string }

// prepare builds and fetches what the systems need.
func (b *bench) prepare(ctx context.Context, server string) error {
	if err := onDisk(b.dir); err != nil {
		return err
	}
	dir, err := filepath.Abs(b.dir)
	if err != nil {
		return err
	}
	b.dir = dir
	takes := func(prefix string) bool {
		return slices.ContainsFunc(b.systems, func(name string) bool { return strings.HasPrefix(name, prefix) })
	}
	b.programs.server = server
	if server == "" {
		if b.programs.server, err = b.build(ctx, ".", "./cmd/chronik-server", "chronik-server"); err != nil {
			return err
		}
	}
	if b.programs.load, err = b.build(ctx, ".", "./tests/bench/load", "load"); err != nil {
		return err
	}
	if takes(floorName) {
		if b.programs.floor, err = b.build(ctx, ".", "./tests/bench/floor", floorName); err != nil {
			return err
		}
	}
	if takes("nats") {
		if b.programs.nats, err = b.build(ctx, natsModule, natsServer, "nats-server"); err != nil {
			return err
		}
		if b.programs.natsLoad, err = b.build(ctx, natsModule, ".", "nats-load"); err != nil {
			return err
		}
	}
	if takes(kafkaName) {
		b.kafka, err = resolveKafka(ctx, b.dir)
	}
	return err
}

// findLibrdkafka looks for librdkafka's performance tool and builds it where there is none. It is kept for
// the next run.
func (b *bench) findLibrdkafka(ctx context.Context) error {
	const name = "rdkafka_performance"
	if installed, err := exec.LookPath(name); err == nil {
		b.programs.librdkafka = installed
		return nil
	}
	built := filepath.Join(filepath.Dir(b.dir), name)
	b.programs.librdkafka = built
	if _, err := os.Stat(built); err == nil {
		return nil
	}
	command := exec.CommandContext(ctx, "bash", "tests/bench/librdkafka.sh", built)
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s is not installed, and building it failed: %w\n%s", name, err, text)
	}
	return nil
}

// build makes one program as it would be shipped.
func (b *bench) build(ctx context.Context, module, source, name string) (string, error) {
	output := filepath.Join(b.dir, name)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, source)
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", source, err, text)
	}
	return output, nil
}

// onDisk refuses a folder that is memory: an fsync would cost nothing there.
func onDisk(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("file system of %s: %w", dir, err)
	}
	if stat.Type == unix.TMPFS_MAGIC {
		return fmt.Errorf("%s lies in memory; choose a folder on a disk with -dir", dir)
	}
	return nil
}

// versions of what was measured.
func (b *bench) versions() map[string]string {
	versions := map[string]string{"go": runtime.Version()}
	if b.kafka.version != "" {
		versions["kafka"] = b.kafka.version
		versions["java"] = firstLine("java", "-version")
	}
	if b.programs.nats != "" {
		versions["nats"] = firstLine(b.programs.nats, "--version")
	}
	return versions
}

// firstLine is what a program says first; empty if it says nothing.
func firstLine(program string, args ...string) string {
	text, _ := exec.Command(program, args...).CombinedOutput() // told for information
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line)
}

// describeMachine says where it was measured, without naming the machine.
func describeMachine() (map[string]string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	machine := map[string]string{
		"cpus": fmt.Sprint(runtime.NumCPU()), "kernel": unix.ByteSliceToString(name.Release[:]),
	}
	for key, at := range map[string][2]string{
		"cpu": {"/proc/cpuinfo", "model name"}, "memory": {"/proc/meminfo", "MemTotal"},
	} {
		text, err := os.ReadFile(at[0])
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if found, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(found) == at[1] {
				machine[key] = strings.TrimSpace(value)
				break
			}
		}
	}
	return machine, nil
}
