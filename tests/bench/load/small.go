//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/chronik-go/chronik/tests/bench"
)

// small keeps one small produce request in flight on each connection.
func small(t task) (any, error) {
	runtime.LockOSThread()
	sockets := make([]*socket, t.connections)
	frames := make([][]byte, t.connections)
	for i := range sockets {
		var err error
		if sockets[i], err = dial(t.broker); err != nil {
			return nil, err
		}
		defer sockets[i].close()
		frames[i] = produceFrame(t.topic, i%t.partitions)
		reply, err := sockets[i].ask(frames[i])
		if err == nil {
			err = produced(reply)
		}
		if err != nil {
			return nil, err
		}
	}
	if t.connections == 1 {
		return oneByOne(sockets[0], frames[0], t.duration)
	}
	return together(sockets, frames, t.duration)
}

// oneByOne repeats one request.
func oneByOne(s *socket, frame []byte, duration time.Duration) (any, error) {
	var took []time.Duration
	begun := time.Now()
	last := begun
	for last.Sub(begun) < duration {
		if _, err := s.ask(frame); err != nil {
			return nil, err
		}
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
	}
	return bench.Summarize(took, last.Sub(begun)), nil
}

// together repeats a request on each of many sockets, all driven by this one thread.
func together(sockets []*socket, frames [][]byte, duration time.Duration) (any, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	defer unix.Close(poll)
	sent := make([]time.Time, len(sockets))
	begun := time.Now()
	for i, s := range sockets {
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
			return nil, fmt.Errorf("epoll: %w", err)
		}
		sent[i] = time.Now()
		if err := s.send(frames[i]); err != nil {
			return nil, err
		}
	}
	var took []time.Duration
	events := make([]unix.EpollEvent, len(sockets))
	open := len(sockets)
	for open > 0 {
		n, err := unix.EpollWait(poll, events, -1)
		if err != nil && err != unix.EINTR {
			return nil, fmt.Errorf("epoll: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			s := sockets[event.Fd]
			if _, err := s.receive(); err != nil {
				return nil, err
			}
			now := time.Now()
			took = append(took, now.Sub(sent[event.Fd]))
			if now.Sub(begun) >= duration {
				open--
				continue
			}
			sent[event.Fd] = now
			if err := s.send(frames[event.Fd]); err != nil {
				return nil, err
			}
		}
	}
	return bench.Summarize(took, time.Since(begun)), nil
}

// poll fetches the first small record again and again.
func poll(t task) (any, error) {
	runtime.LockOSThread()
	s, err := dial(t.broker)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.MinBytes, r.MaxBytes, r.SessionEpoch = fetchVersion, 1, 1<<20, -1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = t.topic
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.PartitionMaxBytes = 1 // the first batch comes whole, whatever its size
	topic.Partitions = append(topic.Partitions, partition)
	r.Topics = append(r.Topics, topic)
	return oneByOne(s, frameOf(r), t.duration)
}

// hold opens connections that have made themselves known, as clients do, and are idle then.
func hold(t task) (any, error) {
	hello := kmsg.NewPtrApiVersionsRequest()
	hello.Version, hello.ClientSoftwareName, hello.ClientSoftwareVersion = 3, "bench", "1"
	frame := frameOf(hello)
	for range t.connections {
		s, err := dial(t.broker)
		if err != nil {
			return nil, err
		}
		defer s.close()
		if _, err := s.ask(frame); err != nil {
			return nil, err
		}
		s.reply = nil
	}
	if err := bench.Say(bench.Held{Connections: t.connections}); err != nil {
		return nil, err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return nil, err
}
