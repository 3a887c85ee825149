//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
)

// server holds the topics and leads to the committer.
type server struct {
	dir     string
	at      *net.TCPAddr
	commits chan commit

	mu     sync.Mutex
	topics map[string]*topic
}

func (s *server) accept(listener net.Listener) {
	for {
		socket, err := listener.Accept()
		if err != nil {
			return
		}
		raw, err := socket.(*net.TCPConn).SyscallConn()
		if err != nil {
			return
		}
		c := &client{server: s, socket: socket, raw: raw, spare: make(chan []byte, maxQueued)}
		go c.run()
	}
}

// client is one connection.
type client struct {
	server *server
	socket net.Conn
	raw    syscall.RawConn
	spare  chan []byte // buffers to read into
	mu     sync.Mutex  // one answer at a time
}

func (c *client) run() {
	defer c.socket.Close()
	for {
		err := c.next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
			return
		case err != nil:
			fmt.Fprintln(os.Stderr, "floor:", err)
			return
		}
	}
}

// next reads one request and does what it asks for.
func (c *client) next() error {
	frame, err := c.read()
	if err != nil {
		return err
	}
	r, err := protocol.ParseRequest(frame)
	if unserved, ok := errors.AsType[*protocol.UnsupportedVersionError](err); ok {
		return c.unserved(unserved.Header)
	}
	if err != nil {
		return err
	}
	switch body := r.Body.(type) {
	case *kmsg.ProduceRequest:
		return c.produce(r, frame)
	case *kmsg.FetchRequest:
		err = c.fetch(r.Header, body)
	default:
		err = c.control(r)
	}
	c.recycle(frame)
	return err
}

func (c *client) read() ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(c.socket, prefix[:]); err != nil {
		return nil, err
	}
	frame := c.buffer(int(binary.BigEndian.Uint32(prefix[:])))
	_, err := io.ReadFull(c.socket, frame)
	return frame, err
}

// buffer returns one that was used before if there is one of the size.
func (c *client) buffer(size int) []byte {
	select {
	case spare := <-c.spare:
		if cap(spare) >= size {
			return spare[:size]
		}
	default:
	}
	return make([]byte, size)
}

func (c *client) recycle(frame []byte) {
	select {
	case c.spare <- frame:
	default:
	}
}

func (c *client) answer(header protocol.Header, response kmsg.Response) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.socket.Write(protocol.AppendResponse(nil, header, response))
	return err
}
