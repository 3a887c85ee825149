package catchup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/chronik-go/chronik/actors/kit"
)

// stream is the reader's side of a fetch: a goroutine that waits for the network and hands pieces to the
// actor, never more than window that the machine has not taken.
type stream struct {
	cancel  context.CancelFunc
	credits chan struct{}
}

func startReading(config Config, have []byte, actor kit.Address) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{cancel: cancel, credits: make(chan struct{}, window)}
	for range window {
		s.More()
	}
	go s.run(ctx, config, have, actor)
	return s
}

// More implements applier.Stream.
func (s *stream) More() { s.credits <- struct{}{} }

// Close implements applier.Stream.
func (s *stream) Close() { s.cancel() }

func (s *stream) run(ctx context.Context, config Config, have []byte, actor kit.Address) {
	defer func() {
		if reason := recover(); reason != nil {
			actor.Tell(ended{fmt.Errorf("reader of a state panicked: %v", reason)})
		}
	}()
	actor.Tell(ended{s.read(ctx, config, have, actor)})
}

// read returns nil at the end of the state.
func (s *stream) read(ctx context.Context, config Config, have []byte, actor kit.Address) error {
	source, err := config.Open(ctx, config.From, config.Group, have)
	if err != nil {
		return err
	}
	defer source.Close()
	for {
		select {
		case <-s.credits:
		case <-ctx.Done():
			return ctx.Err()
		}
		piece, err := source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		actor.Tell(arrived{piece})
	}
}
