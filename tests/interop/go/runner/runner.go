package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"interop/record"
)

// patience bounds each step of a run.
const patience = 2 * time.Minute

// Client is one client library under test.
type Client interface {
	Codecs() []string
	CreateTopic(ctx context.Context, topic string) error
	// Produce writes records from to from+count-1 and returns when all are acknowledged.
	Produce(ctx context.Context, topic, codec string, from, count uint32) error
	// Consume reads every partition from its beginning until it has counts records of it.
	Consume(ctx context.Context, topic string, counts [record.Partitions]int64, take func(r record.Record, offset int64)) error
	// ReadAt seeks to an offset and reads one record.
	ReadAt(ctx context.Context, topic string, partition int32, offset int64) (record.Record, error)
	// FoldsEmpty tells whether the consumer hands out empty keys, values and headers as null.
	FoldsEmpty() bool
}

// Run counts what passed and failed.
type Run struct {
	Name           string
	Client         Client
	Fold           bool // take empty for null
	passed, failed int
}

// Topic names a topic and the records that it holds.
type Topic struct {
	Name        string
	From, Count uint32
}

// ParseTopic reads "name,from,count".
func ParseTopic(text string) (Topic, error) {
	var t Topic
	parts := strings.Split(text, ",")
	if len(parts) != 3 {
		return t, fmt.Errorf("%q is not name,from,count", text)
	}
	t.Name = parts[0]
	_, err := fmt.Sscanf(parts[1]+" "+parts[2], "%d %d", &t.From, &t.Count)
	return t, err
}

// SelfTest compares the generator with the digests that all languages share.
func (r *Run) SelfTest(digests string) {
	want, err := os.ReadFile(digests)
	got := strings.Join(record.Expect(0, 2000, false).Lines(), "\n") + "\n"
	if err == nil && !bytes.Equal(want, []byte(got)) {
		err = errors.New("the generator differs from digests.txt")
	}
	r.Check("generator", err)
}

// Own makes a topic for each codec, fills it, and reads it back. Together they hold total records.
func (r *Run) Own(total uint32) {
	codecs := r.Client.Codecs()
	share := total / uint32(len(codecs))
	for i, codec := range codecs {
		topic := Topic{Name: "interop-" + r.Name + "-" + codec, From: uint32(i) * share, Count: share}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		ok := r.Check(codec+": create topic", r.Client.CreateTopic(ctx, topic.Name)) &&
			r.Check(codec+": produce", r.Client.Produce(ctx, topic.Name, codec, topic.From, topic.Count))
		cancel()
		if ok {
			fmt.Printf("topic %s,%d,%d\n", topic.Name, topic.From, topic.Count)
			r.Verify(topic)
		}
	}
}

// Verify reads a topic and compares it with what it should hold.
func (r *Run) Verify(topic Topic) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	fold := r.Fold || r.Client.FoldsEmpty()
	want, got := record.Expect(topic.From, topic.Count, fold), record.NewDigest(fold)
	var counts [record.Partitions]int64
	for p := range counts {
		counts[p] = want.Count(int32(p))
	}
	middle, sought := counts[0]/2, record.Record{}
	err := r.Client.Consume(ctx, topic.Name, counts, func(rec record.Record, offset int64) {
		if rec.Partition == 0 && offset == middle {
			sought = clone(rec)
		}
		got.Add(rec, offset)
	})
	if err == nil {
		err = got.Compare(want)
	}
	if !r.Check(topic.Name+": consume", err) {
		return
	}
	again, err := r.Client.ReadAt(ctx, topic.Name, 0, middle)
	if err == nil && !bytes.Equal(record.Append(nil, again), record.Append(nil, sought)) {
		err = fmt.Errorf("offset %d holds another record than before", middle)
	}
	r.Check(topic.Name+": seek", err)
}

// Create makes topics.
func (r *Run) Create(topics []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, topic := range topics {
		r.Check(topic+": create topic", r.Client.CreateTopic(ctx, topic))
	}
}

// VerifyKcat compares what kcat printed of a topic with what it should hold.
func (r *Run) VerifyKcat(topic Topic, printed io.Reader, asLines bool) {
	want := record.Expect(topic.From, topic.Count, false)
	if asLines {
		want = record.ExpectLines(topic.From, topic.Count)
	}
	got := record.NewDigest(false)
	err := record.ReadKcat(printed, got, !asLines)
	if err == nil {
		err = got.Compare(want)
	}
	r.Check(topic.Name+": consume", err)
}

func clone(r record.Record) record.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	return r
}

func (r *Run) Check(what string, err error) bool {
	if err != nil {
		r.failed++
		fmt.Printf("FAIL %s: %s: %v\n", r.Name, what, err)
		return false
	}
	r.passed++
	return true
}

// Finish prints the count and returns the exit status.
func (r *Run) Finish() int {
	fmt.Printf("%d passed, %d failed\n", r.passed, r.failed)
	if r.failed > 0 || r.passed == 0 {
		return 1
	}
	return 0
}
