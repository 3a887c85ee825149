package server_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// BenchmarkLink measures appends from node to node, with as many under way as a window of raft's would let:
// throughput, and with one at a time the time of one way and back. BenchmarkSocket is the same on bare TCP.
func BenchmarkLink(b *testing.B) {
	for _, size := range []int{100, 16 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%d", size), func(b *testing.B) { benchmarkLink(b, size, max(1, min(1024, 16<<20/size))) })
	}
	b.Run("100-one", func(b *testing.B) { benchmarkLink(b, 100, 1) })
	b.Run("16384-one", func(b *testing.B) { benchmarkLink(b, 16<<10, 1) })
}

func benchmarkLink(b *testing.B, size, underWay int) {
	one, two := newNode(b, 1), newNode(b, 2)
	one.dial(2, two.address)
	two.dial(1, one.address)
	for !one.peers.Alive(2) || !two.peers.Alive(1) {
		runtime.Gosched()
	}
	kind, normal, term := raftpb.MsgAppResp, raftpb.EntryNormal, uint64(3)
	answer := &raftpb.Message{Type: &kind, To: &term, From: &term, Term: &term, Index: &term}
	two.onDeliver(func(d delivery) {
		answers := make([]*raftpb.Message, len(d.messages))
		for i := range answers {
			answers[i] = answer
		}
		if !two.peers.Send(1, d.group, answers) {
			panic("an answer was dropped")
		}
	})
	slots := make(chan struct{}, underWay)
	for range underWay {
		slots <- struct{}{}
	}
	one.onDeliver(func(d delivery) {
		for range d.messages {
			slots <- struct{}{}
		}
	})
	m := appendTo(1, size)
	m.Entries[0].Type = &normal
	messages := []*raftpb.Message{m}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		<-slots
		if !one.peers.Send(2, 1, messages) {
			panic("a message was dropped")
		}
	}
	for range underWay {
		<-slots
	}
}

// reportCPU reports what the whole process has used, which a busy machine changes less than it does time.
func reportCPU(b *testing.B) func() {
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkSocket(b *testing.B) {
	for _, size := range []int{100, 16 << 10, 128 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%d", size), func(b *testing.B) { benchmarkSocket(b, size, max(1, min(1024, 16<<20/size))) })
	}
	b.Run("100-one", func(b *testing.B) { benchmarkSocket(b, 100, 1) })
	b.Run("16384-one", func(b *testing.B) { benchmarkSocket(b, 16<<10, 1) })
}

// benchmarkSocket sends length and data with one write each, and reads them into memory of their own.
func benchmarkSocket(b *testing.B, size, underWay int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReaderSize(c, 128<<10)
		var head [4]byte
		for {
			if _, err := io.ReadFull(r, head[:]); err != nil {
				return
			}
			if _, err := io.ReadFull(r, make([]byte, binary.BigEndian.Uint32(head[:]))); err != nil {
				return
			}
			if _, err := c.Write(head[:]); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	slots := make(chan struct{}, underWay)
	for range underWay {
		slots <- struct{}{}
	}
	var failed atomic.Bool
	go func() {
		r := bufio.NewReaderSize(c, 64<<10)
		var head [4]byte
		for {
			if _, err := io.ReadFull(r, head[:]); err != nil {
				failed.Store(true)
				return
			}
			slots <- struct{}{}
		}
	}()
	message := make([]byte, 4+size)
	binary.BigEndian.PutUint32(message, uint32(size))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		<-slots
		if _, err := c.Write(message); err != nil || failed.Load() {
			b.Fatal(err)
		}
	}
	for range underWay {
		<-slots
	}
}
