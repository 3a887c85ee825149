package load

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Librdkafka is a program that speaks through librdkafka: kcat, or confluent-kafka for Python with a script
// that does as kcat does.
type Librdkafka struct {
	Name   string
	python string // empty for kcat
	script string
}

//go:embed librdkafka.py
var script []byte

// pythonVariable names the interpreter that has confluent-kafka, if it is not python3.
const pythonVariable = "CHRONIK_PYTHON"

// FindLibrdkafka looks for a program. The folder is for the script. An error says what was looked for.
func FindLibrdkafka(ctx context.Context, folder string) (*Librdkafka, error) {
	if _, err := exec.LookPath("kcat"); err == nil {
		return &Librdkafka{Name: "kcat"}, nil
	}
	python := os.Getenv(pythonVariable)
	if python == "" {
		python = "python3"
	}
	if err := exec.CommandContext(ctx, python, "-c", "import confluent_kafka").Run(); err != nil {
		return nil, fmt.Errorf("neither kcat nor confluent-kafka for %s is installed: %w", python, err)
	}
	path := filepath.Join(folder, "librdkafka.py")
	return &Librdkafka{Name: "confluent-kafka", python: python, script: path}, os.WriteFile(path, script, 0o600)
}

// common are the settings of both directions: as impatient as the other client's. Connections to all nodes
// are kept up, for kcat ends when none is at a time.
var common = []string{
	"enable.sparse.connections=false",
	"topic.metadata.refresh.fast.interval.ms=20", "reconnect.backoff.ms=20", "reconnect.backoff.max.ms=100",
	"retry.backoff.ms=20",
}

func (r *Librdkafka) command(ctx context.Context, seed, topic string, produce bool) *exec.Cmd {
	settings := common
	if produce {
		settings = append(settings[:len(settings):len(settings)],
			"acks=all", "enable.idempotence=true", "linger.ms=1", "partitioner=random")
	}
	if r.python != "" {
		mode := "consume"
		if produce {
			mode = "produce"
		}
		return exec.CommandContext(ctx, r.python, append([]string{r.script, mode, seed, topic}, settings...)...)
	}
	arguments := []string{"-C", "-q", "-o", "beginning", "-e", "-f", "%p %o %s\n"}
	if produce {
		arguments = []string{"-P"}
	}
	arguments = append(arguments, "-b", seed, "-t", topic)
	for _, setting := range settings {
		arguments = append(arguments, "-X", setting)
	}
	return exec.CommandContext(ctx, "kcat", arguments...)
}

// RdProducer is a running producer of lines.
type RdProducer struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  bytes.Buffer
	stop    chan struct{}
	done    chan error
	sent    int
}

// Produce sends numbered lines at a rate, through one node, until Stop.
func (r *Librdkafka) Produce(ctx context.Context, seed, topic string, rate int) (*RdProducer, error) {
	command := r.command(ctx, seed, topic, true)
	p := &RdProducer{command: command, stop: make(chan struct{}), done: make(chan error, 1)}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	var err error
	if p.input, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { p.done <- p.run(rate) }()
	return p, nil
}

func (p *RdProducer) run(rate int) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for begun := time.Now(); ; {
		select {
		case <-ticker.C:
		case <-p.stop:
			return p.input.Close()
		}
		for ; float64(p.sent) < float64(rate)*time.Since(begun).Seconds(); p.sent++ {
			if _, err := fmt.Fprintf(p.input, "%d\n", p.sent); err != nil {
				return err
			}
		}
	}
}

// Stop lets the producer finish and returns how many lines it was given. Each of them has been acknowledged
// if there is no error.
func (p *RdProducer) Stop() (int, error) {
	close(p.stop)
	fed := <-p.done
	if err := errors.Join(fed, p.command.Wait()); err != nil {
		return p.sent, fmt.Errorf("the producer failed: %w\n%s", err, p.output.String())
	}
	if strings.Contains(p.output.String(), "Delivery failed") {
		return p.sent, fmt.Errorf("the producer failed:\n%s", p.output.String())
	}
	return p.sent, nil
}

// Verify reads the topic through one node and checks that it holds each of the first lines once, in order
// within each partition.
func (r *Librdkafka) Verify(ctx context.Context, seed, topic string, lines int) error {
	command := r.command(ctx, seed, topic, false)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("the consumer failed: %w\n%s", err, complaints.String())
	}
	return checkLines(output, lines)
}

func checkLines(output []byte, lines int) error {
	count, last, seen := 0, make(map[string]int), make([]bool, lines)
	for scanner := bufio.NewScanner(bytes.NewReader(output)); scanner.Scan(); count++ {
		fields := strings.Fields(scanner.Text())
		if len(fields) != 3 {
			return fmt.Errorf("the consumer printed %q, want partition, offset and line", scanner.Text())
		}
		number, err := strconv.Atoi(fields[2])
		if err != nil || number < 0 || number >= lines || seen[number] {
			return fmt.Errorf("line %q of %d is not one that was sent, or came twice", fields[2], lines)
		}
		if before, found := last[fields[0]]; found && before > number {
			return fmt.Errorf("partition %s: line %d stands behind line %d", fields[0], number, before)
		}
		last[fields[0]], seen[number] = number, true
	}
	if count != lines {
		return fmt.Errorf("%d of %d lines are there", count, lines)
	}
	return nil
}
