package pull

import (
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/actors/request/fetch"
	"github.com/chronik-go/chronik/protocol"
)

// Options is what all pulls of a node share.
type Options struct {
	Env      *request.Env
	Sessions *fetch.Sessions
	Listener string // whose addresses hints name
	Log      zerolog.Logger
}

// Bounds of a Watch.
const (
	watchWait   = time.Minute // of one long poll
	maxPatience = 5 * time.Minute
)

const defaultMaxBytes = 1 << 20

// version is that of the requests: the last one that names topics instead of ids.
const version = 12

// Actor reads for one asker. See the package comment for its card.
type Actor struct {
	options *Options
	ask     Fetch
	follows bool // it is a Watch
	fetcher kit.Address
	reading bool
	turn    uint64
	timer   kit.Timer // of the patience with the asker
}

// FetchSpec returns how to spawn the actor of a Fetch.
func FetchSpec(options *Options, m Fetch) kit.Spec {
	return kit.Spec{New: func() kit.Actor { return newActor(options, m) }, Log: &options.Log}
}

// WatchSpec returns how to spawn the actor of a Watch.
func WatchSpec(options *Options, m Watch) kit.Spec {
	ask := Fetch{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, MaxBytes: m.MaxBytes, Committed: m.Committed,
		MinBytes: 1, Wait: watchWait, ReplyTo: m.ReplyTo, Token: m.Token,
	}
	return kit.Spec{
		New: func() kit.Actor {
			a := newActor(options, ask)
			a.follows = true
			return a
		},
		Log: &options.Log,
	}
}

// newActor returns one that owes an answer from the first moment on: also if it fails as it begins.
func newActor(options *Options, ask Fetch) *Actor {
	return &Actor{options: options, ask: ask, reading: true}
}

// Receive implements kit.Actor.
func (a *Actor) Receive(c *kit.Context) {
	switch m := c.Message().(type) {
	case kit.Started:
		a.onStarted(c)
	case fetch.Done:
		a.onFetched(c, m)
	case Next:
		a.onNext(c)
	case expired:
		a.onExpired(c, m)
	case kit.ChildFailed:
		a.fail(c, fmt.Errorf("read of %s-%d failed: %w", a.ask.Topic, a.ask.Partition, kit.ErrStopped))
	case kit.Stopping:
		a.onStopping()
	}
}

func (a *Actor) onStarted(c *kit.Context) {
	if a.ask.MaxBytes <= 0 {
		a.ask.MaxBytes = defaultMaxBytes
	}
	o := a.options
	a.fetcher = c.Spawn("fetch-1", fetch.Spec(o.Env, o.Sessions, o.Listener, &o.Log))
	a.read()
}

func (a *Actor) read() {
	a.reading = true
	a.turn++
	a.fetcher.Tell(fetch.Read{Slot: a.turn, Request: a.request()})
}

// request is what a client would send.
func (a *Actor) request() *protocol.Request {
	body := kmsg.NewPtrFetchRequest()
	body.Version, body.SessionEpoch = version, -1 // no session
	body.MinBytes, body.MaxBytes = a.ask.MinBytes, a.ask.MaxBytes
	body.MaxWaitMillis = int32(min(a.ask.Wait, time.Hour).Milliseconds())
	if a.ask.Committed {
		body.IsolationLevel = 1
	}
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = a.ask.Partition, a.ask.Offset, a.ask.MaxBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = a.ask.Topic
	topic.Partitions = append(topic.Partitions, p)
	body.Topics = append(body.Topics, topic)
	return &protocol.Request{Header: protocol.Header{Key: body.Key(), Version: version}, Body: body}
}

// onFetched passes on what was read. A long poll of a Watch that brought nothing begins anew.
func (a *Actor) onFetched(c *kit.Context, m fetch.Done) {
	if !a.reading || m.Slot != a.turn {
		m.Frame.Release()
		return
	}
	got := decode(m.Frame, a.ask)
	got.Token = a.ask.Token
	if a.follows && got.Err == nil && len(got.Records) == 0 {
		a.ask.Offset = got.Next
		a.read()
		return
	}
	a.reading, a.ask.Offset = false, got.Next
	if !a.follows {
		a.ask.ReplyTo.Tell(got)
		c.Stop(c.Self())
		return
	}
	a.ask.ReplyTo.Tell(Arrived{got})
	if got.Err != nil {
		c.Stop(c.Self())
		return
	}
	a.timer = c.After(maxPatience, expired{a.turn})
}

func (a *Actor) onNext(c *kit.Context) {
	if a.reading || !a.follows {
		return
	}
	a.timer.Stop()
	a.read()
}

func (a *Actor) onExpired(c *kit.Context, m expired) {
	if m.turn == a.turn && !a.reading {
		a.reading = true // it is answered below
		a.fail(c, protocol.Errorf(protocol.RequestTimedOut, "no Next came within %v", maxPatience))
	}
}

// fail answers with an error and stops.
func (a *Actor) fail(c *kit.Context, err error) {
	a.answer(err)
	c.Stop(c.Self())
}

func (a *Actor) answer(err error) {
	if !a.reading {
		return
	}
	a.reading = false
	got := Fetched{Token: a.ask.Token, Next: a.ask.Offset, Err: err}
	if a.follows {
		a.ask.ReplyTo.Tell(Arrived{got})
	} else {
		a.ask.ReplyTo.Tell(got)
	}
}

// onStopping also comes when the actor has failed.
func (a *Actor) onStopping() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.answer(kit.ErrStopped)
}
