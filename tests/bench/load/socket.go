//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/chronik-go/chronik/protocol/batch"
)

// socket is a blocking TCP socket that sends one frame and reads one reply at a time. It goes around the
// runtime's poller: what is measured is the broker, on a machine that broker and client share.
type socket struct {
	fd    int
	reply []byte
}

func dial(address string) (*socket, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("want a numeric address: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	to := &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	if err := unix.Connect(fd, to); err != nil {
		_ = unix.Close(fd) // it never was connected
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		_ = unix.Close(fd) // nothing was sent
		return nil, fmt.Errorf("no delay: %w", err)
	}
	return &socket{fd: fd, reply: make([]byte, 64<<10)}, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) } // every reply has been read

func (s *socket) send(frame []byte) error {
	for len(frame) > 0 {
		n, err := unix.Write(s.fd, frame)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("send: %w", err)
		}
		frame = frame[max(n, 0):]
	}
	return nil
}

// receive returns the next reply without its length; it is valid until the next call.
func (s *socket) receive() ([]byte, error) {
	got := 0
	for got < 4 || got < 4+int(binary.BigEndian.Uint32(s.reply)) {
		n, err := unix.Read(s.fd, s.reply[got:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, fmt.Errorf("receive: %w", err)
		case n == 0:
			return nil, fmt.Errorf("receive: %d bytes of a reply, then the end", got)
		}
		got += max(n, 0)
	}
	return s.reply[4:got], nil
}

// ask sends one frame and returns the reply.
func (s *socket) ask(frame []byte) ([]byte, error) {
	if err := s.send(frame); err != nil {
		return nil, err
	}
	return s.receive()
}

// frameOf encodes a request.
func frameOf(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, r, 1)
}

// smallRecord is the value of a small record, in bytes.
const smallRecord = 100

// Versions that name topics, so that one frame serves a run without a lookup.
const (
	produceVersion = 9
	fetchVersion   = 12
)

// produceFrame is an acks=all request with one small record.
func produceFrame(topic string, partition int) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = produceVersion, -1, 10_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition = int32(partition)
	p.Records = batch.Build(batch.Options{}, batch.Record{Timestamp: 1, Value: make([]byte, smallRecord)})
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return frameOf(r)
}

// produced checks a reply to a produceFrame.
func produced(reply []byte) error {
	r := kmsg.NewPtrProduceResponse()
	r.Version = produceVersion
	if err := r.ReadFrom(reply[5:]); err != nil { // correlation id, no tags
		return fmt.Errorf("produce: %w", err)
	}
	if code := r.Topics[0].Partitions[0].ErrorCode; code != 0 {
		return fmt.Errorf("produce: error code %d", code)
	}
	return nil
}
