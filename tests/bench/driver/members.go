//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// joinVersion is the last that lets a member join without asking for an id first.
const joinVersion = 3

// groupMemory measures what groups cost that nobody talks to: those that hold committed offsets and have no
// members, and then members.
func groupMemory(ctx context.Context, b *bench) error {
	node, err := b.startNode(ctx, "")
	if err != nil {
		return err
	}
	defer node.kill()
	if err := createTopic(ctx, node.addr, groupTopic, 1); err != nil {
		return err
	}
	client, err := namingClient(node.addr)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := commitOffset(ctx, client, "first"); err != nil { // makes the offsets topic
		return err
	}
	before, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	err = together(b.sizes.groups, smallWriters, func(i int) error {
		return commitOffset(ctx, client, fmt.Sprintf("idle-%d", i))
	})
	if err != nil {
		return err
	}
	after, err := b.settled(ctx, node)
	if err != nil {
		return err
	}
	each := (after - before) / 1024 / float64(b.sizes.groups)
	b.report.atMost("memory of an idle group", 8, "KiB", []float64{each},
		"%d groups, %.0f MiB before, %.0f MiB with them", b.sizes.groups, before/mib, after/mib)
	return b.memberMemory(ctx, node)
}

// memberMemory lets members join over connections that were open before.
func (b *bench) memberMemory(ctx context.Context, n *node) error {
	var members []*member
	defer func() {
		for _, m := range members {
			_ = m.Close() // the broker is killed right after
		}
	}()
	for i := range b.sizes.members {
		socket, err := net.Dial("tcp", n.addr)
		if err != nil {
			return err
		}
		group := fmt.Sprintf("members-%d", i/groupMembers)
		m := &member{Conn: socket, replies: bufio.NewReader(socket), group: group}
		members = append(members, m)
		if err := m.ask(kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrApiVersionsResponse()); err != nil {
			return err
		}
	}
	before, err := b.settled(ctx, n)
	if err != nil {
		return err
	}
	if err := together(len(members), len(members), func(i int) error { return members[i].join() }); err != nil {
		return err
	}
	after, err := b.settled(ctx, n)
	if err != nil {
		return err
	}
	each := (after - before) / 1024 / float64(len(members))
	b.report.atMost("memory of a member", 0, "KiB", []float64{each},
		"%d members in groups of %d, with the group's share and without the connection", len(members), groupMembers)
	return nil
}

// together calls f with every number below n, so many at a time, and returns what went wrong.
func together(n, atOnce int, f func(int) error) error {
	var next atomic.Int64
	wrong := make([]error, atOnce)
	var all sync.WaitGroup
	for worker := range atOnce {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && wrong[worker] == nil; i = int(next.Add(1)) - 1 {
				wrong[worker] = f(i)
			}
		})
	}
	all.Wait()
	return errors.Join(wrong...)
}

// member is a connection that joins a group.
type member struct {
	net.Conn
	replies *bufio.Reader
	group   string
}

// join returns when the group has its assignments; the leader gives every member two partitions.
func (m *member) join() error {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.ProtocolType = joinVersion, m.group, "consumer"
	r.SessionTimeoutMillis = int32(5 * time.Minute / time.Millisecond) // nobody sends heartbeats
	r.RebalanceTimeoutMillis = int32(patience / time.Millisecond)
	protocol := kmsg.NewJoinGroupRequestProtocol()
	subscription := kmsg.NewConsumerMemberMetadata()
	subscription.Topics = []string{groupTopic}
	protocol.Name, protocol.Metadata = "range", subscription.AppendTo(nil)
	r.Protocols = append(r.Protocols, protocol)
	joined := kmsg.NewPtrJoinGroupResponse()
	if err := m.ask(r, joined); err != nil {
		return err
	}
	if joined.ErrorCode != 0 {
		return fmt.Errorf("join %s: error code %d", m.group, joined.ErrorCode)
	}
	s := kmsg.NewPtrSyncGroupRequest()
	s.Version, s.Group, s.Generation, s.MemberID = 2, m.group, joined.Generation, joined.MemberID
	for i, other := range joined.Members {
		assignment := kmsg.NewConsumerMemberAssignment()
		topic := kmsg.NewConsumerMemberAssignmentTopic()
		topic.Topic, topic.Partitions = groupTopic, []int32{int32(2 * i), int32(2*i + 1)}
		assignment.Topics = append(assignment.Topics, topic)
		one := kmsg.NewSyncGroupRequestGroupAssignment()
		one.MemberID, one.MemberAssignment = other.MemberID, assignment.AppendTo(nil)
		s.GroupAssignment = append(s.GroupAssignment, one)
	}
	synced := kmsg.NewPtrSyncGroupResponse()
	if err := m.ask(s, synced); err != nil {
		return err
	}
	if synced.ErrorCode != 0 {
		return fmt.Errorf("sync %s: error code %d", m.group, synced.ErrorCode)
	}
	return nil
}

// ask sends a request of a version without tags and reads its answer.
func (m *member) ask(r kmsg.Request, response kmsg.Response) error {
	if err := m.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, r, 1)
	if _, err := m.Write(frame); err != nil {
		return err
	}
	var head [8]byte // length and correlation id
	if _, err := io.ReadFull(m.replies, head[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:4])-4)
	if _, err := io.ReadFull(m.replies, body); err != nil {
		return err
	}
	response.SetVersion(r.GetVersion())
	return response.ReadFrom(body)
}
