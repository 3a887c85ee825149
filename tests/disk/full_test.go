package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/chronik-go/chronik/protocol/batch"
	"github.com/chronik-go/chronik/storage/vfs"
	"github.com/chronik-go/chronik/tests/node"
)

const (
	diskBytes = 192 << 20
	patience  = time.Minute
	topic     = "fill"
)

var binary string

func TestMain(m *testing.M) { os.Exit(node.Main(&binary, m.Run)) }

// small are settings for a small disk: production keeps 256 MiB free.
var small = []string{
	"CHRONIK_STORAGE_RESERVE_BYTES=48MiB", "CHRONIK_STORAGE_WAL_FILE_BYTES=4MiB",
	"CHRONIK_STORAGE_CHECKPOINT_BYTES=16MiB", "CHRONIK_LOG_SEGMENT_BYTES=16MiB",
}

// server is a node on the small disk with a client.
type server struct {
	*node.Process
	*kgo.Client
	t       *testing.T
	ctx     context.Context
	options node.Options
}

func start(t *testing.T, data string) *server {
	t.Helper()
	address, err := node.FreeAddress()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	s := &server{t: t, ctx: ctx, options: node.Options{Binary: binary, Data: data, Address: address, Env: small}}
	s.launch()
	t.Cleanup(func() { s.Client.Close(); s.Process.Kill() })
	return s
}

// launch starts the server and a fresh client.
func (s *server) launch() {
	s.t.Helper()
	process, err := node.Start(s.ctx, s.options)
	must(s.t, err)
	s.Process = process
	if s.Client != nil {
		s.Client.Close()
	}
	s.Client, err = kgo.NewClient(kgo.SeedBrokers(process.Address), kgo.AllowAutoTopicCreation(),
		kgo.MaxVersions(kversion.V2_8_0()), kgo.RequestRetries(3))
	must(s.t, err)
}

// produce appends 256 KiB that do not compress, and returns code and message.
func (s *server) produce(name string) (message string, err error) {
	s.t.Helper()
	value := make([]byte, 256<<10)
	_, _ = rand.Read(value)
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = -1, 10_000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch.Build(batch.Options{}, batch.Record{Timestamp: time.Now().UnixMilli(), Value: value})
	one := kmsg.NewProduceRequestTopic()
	one.Topic, one.Partitions = name, append(one.Partitions, p)
	r.Topics = append(r.Topics, one)
	response, err := r.RequestWith(s.ctx, s.Client)
	if err != nil {
		s.t.Fatalf("produce: %v\n%s", err, s.Process.Log())
	}
	got := response.Topics[0].Partitions[0]
	if got.ErrorMessage != nil {
		message = *got.ErrorMessage
	}
	return message, kerr.ErrorForCode(got.ErrorCode)
}

func (s *server) createTopic(name string) {
	s.t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = name, 1, 1
	r.Topics, r.TimeoutMillis = append(r.Topics, one), 10_000
	response, err := r.RequestWith(s.ctx, s.Client)
	must(s.t, err)
	must(s.t, kerr.ErrorForCode(response.Topics[0].ErrorCode))
}

// offset asks for the first (-2) or the next (-1) offset, until the partition has its leader.
func (s *server) offset(which int64) (offset int64) {
	s.t.Helper()
	eventually(s.t, "the partition to be served", func() bool {
		r := kmsg.NewPtrListOffsetsRequest()
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Timestamp, p.CurrentLeaderEpoch = which, -1
		one := kmsg.NewListOffsetsRequestTopic()
		one.Topic, one.Partitions = topic, append(one.Partitions, p)
		r.ReplicaID, r.Topics = -1, append(r.Topics, one)
		response, err := r.RequestWith(s.ctx, s.Client)
		if err != nil || response.Topics[0].Partitions[0].ErrorCode != 0 {
			return false
		}
		offset = response.Topics[0].Partitions[0].Offset
		return true
	})
	return offset
}

// readAll reads everything and returns how many records that were.
func (s *server) readAll(from, to int64) int64 {
	s.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.Process.Address), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().At(from)}}))
	must(s.t, err)
	defer reader.Close()
	count := int64(0)
	for at := from; at < to; {
		fetches := reader.PollFetches(s.ctx)
		must(s.t, fetches.Err0())
		fetches.EachRecord(func(r *kgo.Record) {
			count++
			at = r.Offset + 1
		})
	}
	return count
}

func (s *server) deleteRecords(before int64) {
	s.t.Helper()
	r := kmsg.NewPtrDeleteRecordsRequest()
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Offset = before
	one := kmsg.NewDeleteRecordsRequestTopic()
	one.Topic, one.Partitions = topic, append(one.Partitions, p)
	r.Topics, r.TimeoutMillis = append(r.Topics, one), 10_000
	response, err := r.RequestWith(s.ctx, s.Client)
	must(s.t, err)
	must(s.t, kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode))
}

func (s *server) deleteTopic(name string) {
	s.t.Helper()
	r := kmsg.NewPtrDeleteTopicsRequest()
	one := kmsg.NewDeleteTopicsRequestTopic()
	one.Topic = kmsg.StringPtr(name)
	r.TopicNames, r.Topics, r.TimeoutMillis = []string{name}, append(r.Topics, one), 10_000 // before and after KIP-516
	response, err := r.RequestWith(s.ctx, s.Client)
	must(s.t, err)
	must(s.t, kerr.ErrorForCode(response.Topics[0].ErrorCode))
}

// fill produces as fast as it can until the server refuses.
func (s *server) fill() (acked int64) {
	s.t.Helper()
	for {
		message, err := s.produce(topic)
		if err == nil {
			acked++
			continue
		}
		if !errors.Is(err, kerr.KafkaStorageError) || !strings.Contains(message, "disk") {
			s.t.Fatalf("after %d records: got %v %q, want KAFKA_STORAGE_ERROR and a word about the disk", acked, err, message)
		}
		return acked
	}
}

// ballast takes all the room there is.
func ballast(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	must(t, err)
	defer file.Close()
	for _, size := range []int{1 << 20, 4096} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		if !vfs.IsNoSpace(err) {
			t.Fatalf("fill the disk: %v", err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, diskBytes)
	s := start(t, filepath.Join(disk, "data"))
	s.createTopic(topic)
	s.createTopic("other")
	acked := s.fill()
	space, err := vfs.OS().Free(disk)
	must(t, err)
	t.Logf("refused after %d MiB with %d MiB left", acked/4, space.Free>>20)
	if space.Free < 8<<20 {
		t.Errorf("refused with %d bytes left, which is not early", space.Free)
	}
	if got := s.readAll(0, acked); got != acked {
		t.Errorf("read %d records of %d", got, acked)
	}
	s.deleteRecords(2)
	ballast(t, filepath.Join(disk, "ballast"))
	s.deleteRecords(3)

	s.Process.Kill()
	s.launch()
	if from, to := s.offset(-2), s.offset(-1); from != 3 || to != acked {
		t.Errorf("got offsets [%d, %d) on the full disk, want [3, %d)", from, to, acked)
	}
	if got := s.readAll(3, acked); got != acked-3 {
		t.Errorf("read %d records of %d", got, acked-3)
	}
	eventually(t, "producing to be refused", func() bool {
		_, err := s.produce("other")
		return errors.Is(err, kerr.KafkaStorageError)
	})
	s.deleteTopic(topic)
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	eventually(t, "producing to open again", func() bool {
		_, err := s.produce("other")
		return err == nil
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, look := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited %v for: %s", patience, what)
		}
	}
}
