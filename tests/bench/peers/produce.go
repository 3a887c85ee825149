//go:build linux

package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	stats "github.com/chronik-go/chronik/tests/bench"
)

const mib = 1 << 20

// flood is a producer that sends as much as the broker takes.
type flood struct {
	record, partitions int
	acks, compression  string
	spread             bool // records go to all partitions in turn, as keys would have it
}

func (f flood) String() string {
	text := fmt.Sprintf("%d B records, acks=%s, %d partitions, %s", f.record, f.acks, f.partitions,
		f.compression)
	if f.spread {
		text += ", each record to the next one"
	}
	return text
}

func (f flood) words(s *system, topic string, b *bench) []any {
	return []any{
		"-broker", s.seeds(), "-topic", topic, "-record", f.record, "-partitions", f.partitions, "-acks", f.acks,
		"-compression", f.compression, fmt.Sprint("-spread=", f.spread), "-for", b.duration,
	}
}

func (f flood) run(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.onTopic(ctx, s, f.partitions, func(topic string) (figures, error) {
		var moved stats.Moved
		used, err := spent(s.nodes, func() (time.Duration, error) {
			return load(ctx, &moved, s.client, append([]any{"flood"}, f.words(s, topic, b)...)...)
		})
		got := flow(moved, used)
		got["disk bytes written per byte"] = float64(used.written) / float64(moved.Bytes)
		b.peaks[s.name] = max(b.peaks[s.name], got["records/s"])
		return got, err
	})
}

// flow are the figures of bytes that went through a broker.
func flow(moved stats.Moved, used usage) figures {
	return figures{
		"throughput": float64(moved.Bytes) / mib / moved.Seconds,
		"records/s":  float64(moved.Records) / moved.Seconds,
		"broker CPU": used.cpu.Seconds() * 1e3 / (float64(moved.Bytes) / mib),
		"client CPU": used.client.Seconds() * 1e3 / (float64(moved.Bytes) / mib),
		"peak RSS":   float64(used.peak) / mib,
	}
}

// onTopic runs f on a new topic, deletes it, and has the system write to the disk what is left to write, so
// that the next system's run does not pay for it.
func (b *bench) onTopic(
	ctx context.Context, s *system, partitions int, f func(topic string) (figures, error),
) (figures, error) {
	topic := b.nextTopic()
	if err := s.createTopic(ctx, topic, partitions); err != nil {
		return nil, err
	}
	if err := awaitQuiet(s.nodes); err != nil {
		return nil, err
	}
	got, err := f(topic)
	if err != nil {
		return nil, err
	}
	if err := s.deleteTopic(ctx, topic); err != nil {
		return nil, err
	}
	return got, b.settle(s)
}

// nextTopic returns a name that was not used before.
func (b *bench) nextTopic() string {
	b.topics++
	return fmt.Sprintf("bench-%d", b.topics)
}

// settle waits until nothing is left to write and the system is quiet.
func (b *bench) settle(s *system) error {
	dir, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", b.dir, err)
	}
	return awaitQuiet(s.nodes)
}

// readFixture fills a topic for consumers.
func readFixture(ctx context.Context, b *bench, s *system) (undo, error) {
	topic := b.nextTopic()
	if err := s.createTopic(ctx, topic, readPartitions); err != nil {
		return nil, err
	}
	b.reading[s.name] = topic
	var moved stats.Moved
	err := ask(ctx, &moved, s.client, "produce", "-broker", s.seeds(), "-topic", topic, "-mib", b.readMiB,
		"-record", 1024)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.deleteTopic(ctx, topic) }, b.settle(s)
}

const (
	readPartitions = 6
	readGroups     = 10
)

// read runs one of the reading commands on the filled topic.
func (b *bench) read(ctx context.Context, s *system, command string, args ...any) (figures, error) {
	var moved stats.Moved
	used, err := spent(s.nodes, func() (time.Duration, error) {
		return load(ctx, &moved, s.client, append([]any{command, "-broker", s.seeds(), "-topic", b.reading[s.name],
			"-partitions", readPartitions, "-mib", b.readMiB}, args...)...)
	})
	return flow(moved, used), err
}

func consume(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.read(ctx, s, "consume")
}

func consumeGroups(ctx context.Context, b *bench, s *system) (figures, error) {
	return b.read(ctx, s, "groups", "-groups", readGroups)
}

// consumeCold takes the data out of the page cache before it is read.
func consumeCold(ctx context.Context, b *bench, s *system) (figures, error) {
	if err := b.settle(s); err != nil {
		return nil, err
	}
	for _, node := range s.nodes {
		if err := evict(filepath.Dir(node.log)); err != nil {
			return nil, err
		}
	}
	return b.read(ctx, s, "consume")
}

// evict drops the clean pages of all files below a folder from memory.
func evict(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

func consumeTail(ctx context.Context, b *bench, s *system) (figures, error) {
	f := flood{record: 1024, partitions: readPartitions, acks: "all", compression: "none"}
	return b.onTopic(ctx, s, f.partitions, func(topic string) (figures, error) {
		var moved stats.Moved
		used, err := spent(s.nodes, func() (time.Duration, error) {
			return load(ctx, &moved, s.client, append([]any{"tail"}, f.words(s, topic, b)...)...)
		})
		return flow(moved, used), err
	})
}
