package chaos

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/kit"
)

// journal is what a node logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{} // closed at the next line
}

func newJournal() *journal { return &journal{came: make(chan struct{})} }

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.came)
	j.came = make(chan struct{})
	return j.text.Write(line)
}

// next returns a channel that is closed at the next line. Whoever takes it before he looks misses none.
func (j *journal) next() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.came
}

// lines returns those that hold all of the words.
func (j *journal) lines(words ...string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		holds := true
		for _, word := range words {
			holds = holds && strings.Contains(line, word)
		}
		if holds {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// wedged is a node of which something hangs.
func wedged(t *testing.T, fault kit.Fault) (w *world, log *journal, client *kgo.Client, release func()) {
	t.Helper()
	w, log = newWorldOf(t, 1), newJournal()
	n := w.nodes[0]
	n.config.Limits.HoldTime = 400 * time.Millisecond
	n.log = zerolog.New(log)
	n.start()
	client = w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0),
		kgo.ProduceRequestTimeout(time.Second), kgo.ConsumeTopics(orders))
	t.Cleanup(client.Close)
	if err := createTopic(t.Context(), client, orders, "delete"); err != nil {
		t.Fatal(err)
	}
	for p := range int32(partitions) {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: orders, Partition: p}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.faults.Add(fault); err != nil {
		t.Fatal(err)
	}
	return w, log, client, n.faults.Clear
}

// expectTimeout produces and wants to be told, in time, that nobody has answered.
func expectTimeout(t *testing.T, client *kgo.Client, partition int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun := time.Now()
	err := client.ProduceSync(ctx, &kgo.Record{Topic: orders, Partition: partition}).FirstErr()
	took := time.Since(begun)
	// The client says so of a record that it must not send again, whatever the answer was.
	told := errors.Is(err, kerr.RequestTimedOut) || errors.Is(err, kgo.ErrRecordRetries)
	if !told || took < time.Second/2 || took > 5*time.Second {
		t.Errorf("got %v after %v, want REQUEST_TIMED_OUT after a second", err, took)
	}
}

func expectOneLine(t *testing.T, log *journal, words ...string) {
	t.Helper()
	late := time.After(patience)
	for waiting := true; waiting; {
		came := log.next()
		if len(log.lines(words...)) > 0 {
			break
		}
		select {
		case <-came:
		case <-late:
			waiting = false
		}
	}
	if found := log.lines(words...); len(found) != 1 {
		t.Errorf("got %d lines with %v, want one: %v", len(found), words, found)
	} else {
		t.Log(found[0])
	}
}

// TestWedgedRaftCore: the core of one partition never answers.
func TestWedgedRaftCore(t *testing.T) {
	_, log, client, release := wedged(t, kit.Fault{
		Path: "broker/raft/group-orders-0", Message: "group.Propose", Do: kit.Stall,
	})
	expectTimeout(t, client, 0)
	others := round(t, client, 1, after(2*time.Second))
	t.Logf("another partition meanwhile: p50 %v, p99 %v", percentile(others, 50), percentile(others, 99))
	if got := percentile(others, 50); got > 200*time.Millisecond {
		t.Errorf("got a p50 of %v on another partition, want it not to notice", got)
	}
	expectOneLine(t, log, "actor holds a message", "broker/raft/group-orders-0", "group.Propose")
	release()
	for end := after(patience); client.ProduceSync(t.Context(), &kgo.Record{Topic: orders}).FirstErr() != nil; {
		if end() {
			t.Fatal("the partition does not serve again")
		}
	}
}

// TestWedgedLog: the write-ahead log, on which all partitions wait, does not come back from the disk.
func TestWedgedLog(t *testing.T) {
	_, log, client, release := wedged(t, kit.Fault{
		Path: "broker/storage/wal", Message: "walactor.Append", Do: kit.Stall,
	})
	var all sync.WaitGroup
	for p := range int32(partitions) {
		all.Go(func() { expectTimeout(t, client, p) })
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	begun, read := time.Now(), 0
	for read < partitions && ctx.Err() == nil { // what is committed can be read all the same
		read += client.PollFetches(ctx).NumRecords()
	}
	if took := time.Since(begun); read < partitions || took > 5*time.Second {
		t.Errorf("got %d records in %v from a node whose log hangs", read, took)
	}
	expectOneLine(t, log, "actor holds a message", "broker/storage/wal", "walactor.Append")
	release()
	for end := after(patience); client.ProduceSync(t.Context(), &kgo.Record{Topic: orders}).FirstErr() != nil; {
		if end() {
			t.Fatal("the node does not serve again")
		}
	}
}

// TestWedgedPeer: one of three nodes accepts connections and reads nothing, as a process that is frozen does.
func TestWedgedPeer(t *testing.T) {
	w := newWorldOf(t, 3)
	deaf, err := w.network.Listen(t.Context(), "tcp", w.nodes[2].config.Bind.Raft)
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	var calls atomic.Int32
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			one, err := deaf.Accept()
			if err != nil {
				return
			}
			held = append(held, one)
			calls.Add(1)
		}
	}()
	t.Cleanup(func() {
		_ = deaf.Close()
		<-accepted
		for _, one := range held {
			_ = one.Close()
		}
	})
	logs := []*journal{newJournal(), newJournal()}
	var started sync.WaitGroup
	for i, n := range w.nodes[:2] {
		n.config.ReplicationFactor, n.log = 2, zerolog.New(logs[i])
		started.Go(n.start)
	}
	started.Wait()
	client := w.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for createTopic(ctx, client, orders, "delete") != nil {
		if ctx.Err() != nil {
			t.Fatal("two of three nodes make no topic")
		}
	}
	for p := range int32(partitions) {
		took := round(t, client, p, after(time.Second))
		t.Logf("partition %d: p50 %v, p99 %v", p, percentile(took, 50), percentile(took, 99))
		if got := percentile(took, 50); got > 200*time.Millisecond {
			t.Errorf("got a p50 of %v beside a peer that reads nothing", got)
		}
	}
	for _, log := range logs {
		expectOneLine(t, log, `"level":"warn"`, "cannot connect to peer", `"peer":3`, "has not answered the hello")
	}
	if calls.Load() == 0 {
		t.Error("nobody has spoken to the deaf node")
	}
}
