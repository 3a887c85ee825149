package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/broker"
	"github.com/chronik-go/chronik/actors/config"
)

// node is a running broker, as much of it as the command needs.
type node interface {
	Addr() string                   // of the Kafka listener, with the port it really got
	AdminAddr() string              // of the HTTP listener, empty without one
	Done() <-chan error             // gets one value when the node has to stop by itself
	Stop(ctx context.Context) error // drains, then closes the log
}

type starter func(ctx context.Context, settings config.Config, log zerolog.Logger) (node, error)

func startBroker(ctx context.Context, settings config.Config, log zerolog.Logger) (node, error) {
	running, err := broker.Start(ctx, broker.Options{Config: settings, Log: log})
	if err != nil {
		return nil, err // not running itself: a nil pointer would be a non-nil node
	}
	return running, nil
}

// stopSignals delivers SIGTERM and SIGINT; the room for two keeps the second, impatient one.
func stopSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	return signals
}

// start runs a node until it is told to stop or has to.
func start(p process, line *commandLine) int {
	settings, notes, err := line.settings(p.environ)
	if err != nil {
		printSettingsError(p.stderr, err)
		return exitUsage
	}
	log := newLogger(p.stderr, settings.LogLevel)
	bound := boundMemory(settings.Memory, p.environ)
	begun := time.Now()
	log.Info().Str("version", admin.ReadBuild().Version).Int32("node", settings.NodeID).
		Str("data", settings.DataDir).Stringer("memory_limit", bound).Msg("chronik is starting")
	for _, note := range notes {
		log.Warn().Msg(note)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go collectAtRest(ctx.Done())
	running, told, err := startUnlessTold(ctx, cancel, p, settings, log)
	if err != nil {
		log.Error().Err(err).Msg("chronik could not start")
		return exitFailed
	}
	if told {
		return stop(p, running, settings.Limits.DrainTime, log)
	}
	log.Info().Str("kafka", running.Addr()).Str("advertised", settings.Advertise.Kafka).
		Str("http", running.AdminAddr()).Dur("took", time.Since(begun)).Msg("chronik is ready")
	return serve(p, running, settings.Limits.DrainTime, log)
}

// startUnlessTold starts the node. A signal meanwhile cancels the start, which can take long when much log
// is replayed; told is true if the node came up all the same. A second signal does not wait for it.
func startUnlessTold(
	ctx context.Context, cancel context.CancelCauseFunc, p process, settings config.Config, log zerolog.Logger,
) (running node, told bool, err error) {
	type started struct {
		node node
		err  error
	}
	done := make(chan started, 1)
	go func() {
		running, err := p.start(ctx, settings, log)
		done <- started{running, err}
	}()
	select {
	case result := <-done:
		return result.node, false, result.err
	case sig := <-p.signals:
		cancel(fmt.Errorf("stopped by %s while starting", sig))
	}
	select {
	case result := <-done:
		if result.err == nil {
			return result.node, true, nil
		}
	case <-p.signals:
	}
	return nil, true, context.Cause(ctx)
}

// serve waits until the node ends by itself or is told to, and returns the exit status.
func serve(p process, running node, drain time.Duration, log zerolog.Logger) int {
	select {
	case err := <-running.Done():
		log.Error().Err(err).Msg("chronik had to stop")
		return exitFailed
	case sig := <-p.signals:
		log.Info().Stringer("signal", sig).Dur("within", drain).
			Msg("chronik is stopping; a second signal ends it at once")
	}
	return stop(p, running, drain, log)
}

// stop drains the node unless a second signal comes, and returns the exit status.
func stop(p process, running node, drain time.Duration, log zerolog.Logger) int {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- running.Stop(ctx) }()
	select {
	case err := <-stopped:
		if err != nil {
			log.Error().Err(err).Msg("chronik did not stop in order; its log is replayed at the next start")
			return exitFailed
		}
		log.Info().Msg("chronik has stopped")
		return exitOK
	case sig := <-p.signals:
		log.Warn().Stringer("signal", sig).Msg("chronik ends at once; its log is replayed at the next start")
		return exitFailed
	}
}
