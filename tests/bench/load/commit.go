//go:build linux

package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	commitVersion      = 8 // the last but one that names topics; its answers are flexible
	coordinatorVersion = 4
	// lookEvery is how often a coordinator that loads is asked again.
	lookEvery = 5 * time.Millisecond
	patience  = time.Minute
)

// commit keeps one offset commit in flight on each connection, each for a group of its own that has no
// members: what is measured is the way of a commit through the coordinator, the log and back.
func commit(t task) (any, error) {
	runtime.LockOSThread()
	sockets := make([]*socket, t.connections)
	frames := make([][]byte, t.connections)
	for i := range sockets {
		var err error
		if sockets[i], err = dial(t.broker); err != nil {
			return nil, err
		}
		defer sockets[i].close()
		group := fmt.Sprintf("bench-%d", i)
		if err := coordinated(sockets[i], group); err != nil {
			return nil, err
		}
		frames[i] = commitFrame(group, t.topic, i%t.partitions)
		if err := committed(sockets[i], frames[i]); err != nil {
			return nil, err
		}
	}
	if t.connections == 1 {
		return oneByOne(sockets[0], frames[0], t.duration)
	}
	return together(sockets, frames, t.duration)
}

// coordinated asks until the group has a coordinator.
func coordinated(s *socket, group string) error {
	r := kmsg.NewPtrFindCoordinatorRequest()
	r.Version, r.CoordinatorKeys = coordinatorVersion, []string{group}
	return until(s, frameOf(r), func(reply []byte) (int16, error) {
		answer := kmsg.NewPtrFindCoordinatorResponse()
		answer.Version = coordinatorVersion
		if err := answer.ReadFrom(reply); err != nil {
			return 0, fmt.Errorf("find coordinator: %w", err)
		}
		return answer.Coordinators[0].ErrorCode, nil
	})
}

func committed(s *socket, frame []byte) error {
	return until(s, frame, func(reply []byte) (int16, error) {
		answer := kmsg.NewPtrOffsetCommitResponse()
		answer.Version = commitVersion
		if err := answer.ReadFrom(reply); err != nil {
			return 0, fmt.Errorf("offset commit: %w", err)
		}
		return answer.Topics[0].Partitions[0].ErrorCode, nil
	})
}

// until repeats a request until its answer carries no error.
func until(s *socket, frame []byte, code func(reply []byte) (int16, error)) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for begun := time.Now(); ; <-look.C {
		reply, err := s.ask(frame)
		if err != nil {
			return err
		}
		got, err := code(reply[5:]) // correlation id, no tags
		if err != nil || got == 0 {
			return err
		}
		if time.Since(begun) > patience {
			return fmt.Errorf("error code %d for %s", got, patience)
		}
	}
}

// commitFrame commits the same offset each time.
func commitFrame(group, topic string, partition int) []byte {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Version, r.Group, r.Generation = commitVersion, group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = int32(partition), 1
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return frameOf(r)
}
