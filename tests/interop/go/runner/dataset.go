package runner

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const datasetTopic = "interop-dataset"

// longestLine is where a line is cut into several records: generated sources have lines over the largest
// batch that a broker takes by default.
const longestLine = 500_000

// Dataset streams real text, the sources of the Go tool chain and of the modules in its cache, line by line
// into one partition, reads it back and compares the whole by hash.
func (r *Run) Dataset(seeds []string, least int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	begun := time.Now()
	lines, want, err := produceDataset(ctx, seeds, least)
	if !r.Check("dataset: produce", err) {
		return
	}
	produced := time.Since(begun)
	got, err := consumeDataset(ctx, seeds, lines)
	if err == nil && got != want {
		err = fmt.Errorf("got hash %x, want %x", got, want)
	}
	r.Check("dataset: consume", err)
	fmt.Printf("dataset: %d lines, produced in %s, consumed in %s\n",
		lines, produced.Round(time.Millisecond), (time.Since(begun) - produced).Round(time.Millisecond))
}

func produceDataset(ctx context.Context, seeds []string, least int64) (lines int64, sum [32]byte, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DefaultProduceTopic(datasetTopic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return 0, sum, err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, datasetTopic); err != nil {
		return 0, sum, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hash := sha256.New()
	err = eachLine(least, func(line []byte) error {
		hash.Write(line)
		hash.Write([]byte{'\n'})
		lines++
		client.Produce(ctx, &kgo.Record{Value: append([]byte(nil), line...)}, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
		return context.Cause(ctx)
	})
	if err == nil {
		err = client.Flush(ctx)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return lines, [32]byte(hash.Sum(nil)), err
}

func consumeDataset(ctx context.Context, seeds []string, lines int64) (sum [32]byte, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{datasetTopic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		return sum, err
	}
	defer client.Close()
	hash := sha256.New()
	for next := int64(0); next < lines; {
		fetches := client.PollFetches(ctx)
		if errs := fetches.Errors(); len(errs) > 0 {
			return sum, errs[0].Err
		}
		for records := fetches.RecordIter(); !records.Done(); next++ {
			record := records.Next()
			if record.Offset != next {
				return sum, fmt.Errorf("got offset %d, want %d", record.Offset, next)
			}
			hash.Write(record.Value)
			hash.Write([]byte{'\n'})
		}
	}
	return [32]byte(hash.Sum(nil)), nil
}

// eachLine visits the lines of Go files until at least that many bytes were visited.
func eachLine(least int64, visit func([]byte) error) error {
	left := least
	for _, variable := range []string{"GOROOT", "GOMODCACHE"} {
		root, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			return fmt.Errorf("go env %s: %w", variable, err)
		}
		err = filepath.WalkDir(strings.TrimSpace(string(root)), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".go" {
				return err
			}
			read, err := linesOf(path, visit)
			if left -= read; err == nil && left <= 0 {
				err = fs.SkipAll
			}
			return err
		})
		if err != nil || left <= 0 {
			return err
		}
	}
	return fmt.Errorf("found %d bytes of text, want %d", least-left, least)
}

func linesOf(path string, visit func([]byte) error) (read int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for reader := bufio.NewReaderSize(file, 1<<16); ; {
		line, err := reader.ReadBytes('\n')
		read += int64(len(line))
		for line = bytes.TrimSuffix(line, []byte{'\n'}); err == nil || len(line) > 0; {
			part := line[:min(len(line), longestLine)]
			if failed := visit(part); failed != nil {
				return read, failed
			}
			if line = line[len(part):]; len(line) == 0 {
				break
			}
		}
		if errors.Is(err, io.EOF) {
			return read, nil
		} else if err != nil {
			return read, err
		}
	}
}
