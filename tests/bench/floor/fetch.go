//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/chronik-go/chronik/protocol"
)

// piece is a part of a fetch response: some bytes, then a range of a file.
type piece struct {
	head       []byte
	file       *os.File
	at, length int64
}

// fetch sends what there is, or an empty answer after the time that the client allows for.
func (c *client) fetch(header protocol.Header, body *kmsg.FetchRequest) error {
	pieces, found := c.pieces(header, body)
	if !found {
		timer := time.NewTimer(time.Duration(body.MaxWaitMillis) * time.Millisecond)
		defer timer.Stop()
		<-timer.C
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range pieces {
		if _, err := c.socket.Write(pieces[i].head); err != nil {
			return err
		}
		if err := c.send(&pieces[i]); err != nil {
			return err
		}
	}
	return nil
}

// pieces lays out a response of version 11 by hand, so that the records can come from the files:
//
//	throttle int32 | error int16 | session int32 | count int32 | topic string | count int32 |
//	partition int32 | error int16 | high watermark int64 | last stable int64 | start int64 |
//	aborted, none int32 | preferred replica int32 | length int32 | records |
func (c *client) pieces(header protocol.Header, body *kmsg.FetchRequest) (pieces []piece, found bool) {
	big := binary.BigEndian
	head := protocol.AppendResponseHeader(make([]byte, 4), header, false)[:8]
	head = append(head, make([]byte, 10)...)
	head = big.AppendUint32(head, uint32(len(body.Topics)))
	left, total := int64(body.MaxBytes), int64(0)
	for i := range body.Topics {
		t := &body.Topics[i]
		head = append(big.AppendUint16(head, uint16(len(t.Topic))), t.Topic...)
		head = big.AppendUint32(head, uint32(len(t.Partitions)))
		known := c.server.find(t.Topic, t.TopicID)
		for _, asked := range t.Partitions {
			p := known.partitions[asked.Partition]
			at, length, end := p.read(asked.FetchOffset, min(left, int64(asked.PartitionMaxBytes)))
			left -= length
			found = found || length > 0
			head = append(big.AppendUint32(head, uint32(asked.Partition)), 0, 0)
			head = big.AppendUint64(big.AppendUint64(head, uint64(end)), uint64(end))
			head = big.AppendUint64(head, 0)
			head = append(head, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
			head = big.AppendUint32(head, uint32(length))
			pieces = append(pieces, piece{head: head, file: p.file, at: at, length: length})
			total += int64(len(head)) + length
			head = nil
		}
	}
	if len(pieces) > 0 {
		big.PutUint32(pieces[0].head, uint32(total-4))
	}
	return pieces, found
}

// send is the bare loop: sendfile until the range is on its way, waiting only when the socket is full.
func (c *client) send(p *piece) error {
	fd := int(p.file.Fd())
	for p.length > 0 {
		var n int
		var err error
		waitErr := c.raw.Write(func(socket uintptr) bool {
			at := p.at
			n, err = unix.Sendfile(int(socket), fd, &at, int(p.length))
			return err != unix.EAGAIN
		})
		switch {
		case waitErr != nil:
			return waitErr
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("sendfile: %w", err)
		}
		p.at += int64(n)
		p.length -= int64(n)
	}
	return nil
}
