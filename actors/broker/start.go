package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/chronik-go/chronik/actors/kit"
)

// Running is a node that serves.
type Running struct {
	system *kit.System
	broker kit.Address
	ready  Ready
	failed chan error
}

// Start builds a node and returns when it serves, or why it cannot. The context bounds the start only.
func Start(ctx context.Context, options Options) (*Running, error) {
	options.complete()
	options.Registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r := &Running{failed: make(chan error, 1)}
	system := options.system()
	system.OnFailure = func(who kit.Address, reason any) {
		r.fail(fmt.Errorf("%s failed: %v", who.ID(), reason))
	}
	r.system = kit.NewSystem(system)
	r.broker = r.system.Spawn(options.Name, Spec(r.system, options, r.fail))
	ready, err := kit.Ask[Ready](ctx, r.system, r.broker, func(replyTo kit.Address) any {
		return Await{ReplyTo: replyTo}
	})
	if err == nil {
		err = ready.Err
	}
	if err != nil {
		r.abandon()
		return nil, err
	}
	r.ready = ready
	return r, nil
}

// fail notes why the node has to stop; the first reason counts.
func (r *Running) fail(err error) {
	select {
	case r.failed <- err:
	default:
	}
}

// abandon takes down a node that did not come up.
func (r *Running) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), abandonTime)
	defer cancel()
	_ = r.system.StopAndWait(ctx, r.broker) // the reason why it did not come up is what counts
	r.system.Shutdown()
}

// Addr returns the address of the Kafka listener, with the port that it really has.
func (r *Running) Addr() string { return r.ready.Kafka.String() }

// AdminAddr returns the address of the HTTP listener, "" when there is none.
func (r *Running) AdminAddr() string {
	if r.ready.Admin == nil {
		return ""
	}
	return r.ready.Admin.String()
}

// Done gets one value when the node has to stop by itself.
func (r *Running) Done() <-chan error { return r.failed }

// System returns what the actors of the node live in: with it, kit.Ask asks Broker.
func (r *Running) System() *kit.System { return r.system }

// Broker returns the address of the root, which takes the messages of this package.
func (r *Running) Broker() kit.Address { return r.broker }

// Tree returns the live supervision tree.
func (r *Running) Tree() []kit.Node { return r.system.Tree() }

// Stop lets requests under way finish, makes what is written durable so that the next start has nothing to
// replay, and takes the node apart. When the context ends first, it is taken apart at once; nothing acked is
// lost either way.
func (r *Running) Stop(ctx context.Context) error {
	stopped, err := kit.Ask[Stopped](ctx, r.system, r.broker, func(replyTo kit.Address) any {
		within := drainTime
		if deadline, ok := ctx.Deadline(); ok {
			within = time.Until(deadline) / 2 // of the machine, whatever clock the actors have
		}
		return Stop{Within: within, ReplyTo: replyTo}
	})
	if errors.Is(err, context.DeadlineExceeded) {
		r.abandon()
	}
	r.system.Shutdown()
	if err != nil {
		return err
	}
	return stopped.Err
}
