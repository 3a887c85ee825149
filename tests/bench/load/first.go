//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/tests/bench"
)

const (
	// tryEvery is the pause between two tries at a broker that does not serve yet.
	tryEvery = time.Millisecond
	// triesFor bounds the wait for a broker that starts.
	triesFor = 2 * time.Minute
)

// first tries until a broker has made a topic and acknowledged a record in it, and says when that was.
func first(t task) (any, error) {
	// Whoever starts the broker does so when this one looks.
	err := bench.Say(bench.Acked{UnixNano: time.Now().UnixNano()})
	if err != nil {
		return nil, err
	}
	for begun := time.Now(); time.Since(begun) < triesFor; time.Sleep(tryEvery) {
		var s *socket
		if s, err = dial(t.broker); err != nil {
			continue
		}
		err = firstWrite(s, t.topic, begun)
		s.close()
		if err == nil {
			return bench.Acked{UnixNano: time.Now().UnixNano()}, nil
		}
	}
	return nil, fmt.Errorf("no write was served within %s: %w", triesFor, err)
}

// firstWrite makes the topic and writes into it, both as often as it takes. A broken connection ends it.
func firstWrite(s *socket, topic string, begun time.Time) error {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Version, create.TimeoutMillis = 5, int32(triesFor/time.Millisecond)
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, 1, 1
	create.Topics = append(create.Topics, wanted)
	frame, code := frameOf(create), protocol.UnknownServerError
	for code != protocol.None && code != protocol.TopicAlreadyExists {
		reply, err := s.ask(frame)
		if err != nil {
			return err
		}
		response := create.ResponseKind().(*kmsg.CreateTopicsResponse)
		if err := response.ReadFrom(reply[5:]); err != nil { // correlation id, no tags
			return err
		}
		code = protocol.Code(response.Topics[0].ErrorCode)
		if time.Since(begun) > triesFor {
			return fmt.Errorf("create topic: %s", code)
		}
	}
	write := produceFrame(topic, 0)
	for {
		reply, err := s.ask(write)
		if err != nil {
			return err
		}
		if err = produced(reply); err == nil || time.Since(begun) > triesFor {
			return err
		}
		time.Sleep(tryEvery)
	}
}

const (
	// probeAgain is how soon a client that lost its leader looks for the next one.
	probeAgain = 10 * time.Millisecond
	// probeGives is how long it waits for an answer.
	probeGives = time.Second
	// probeWarm is how many records it writes before it says so.
	probeWarm = 200
)

// probe writes one record after another and says so after the first ones. When a line comes on standard
// input, which tells that a leader has been killed, it goes on until a record that it sent after that is
// acknowledged, and says when that was. What was answered before the kill and read after it does not count.
func probe(t task) (any, error) {
	client, err := kgo.NewClient(t.seeds(), kgo.DefaultProduceTopic(t.topic),
		kgo.MetadataMinAge(probeAgain), kgo.ProducerLinger(0), kgo.DialTimeout(probeGives),
		kgo.RetryBackoffFn(func(int) time.Duration { return probeAgain }),
		kgo.ProduceRequestTimeout(probeGives), kgo.RequestTimeoutOverhead(probeGives))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var marked atomic.Bool
	go func() {
		_, err := bufio.NewReader(os.Stdin).ReadByte()
		marked.Store(err == nil)
	}()
	for count := 0; ; count++ {
		after := marked.Load()
		if err := client.ProduceSync(ctx, &kgo.Record{Value: make([]byte, smallRecord)}).FirstErr(); err != nil {
			return nil, fmt.Errorf("probe: %w", err)
		}
		acked := bench.Acked{UnixNano: time.Now().UnixNano()}
		if after {
			return acked, nil
		}
		if count == probeWarm {
			if err := bench.Say(acked); err != nil {
				return nil, err
			}
		}
	}
}
