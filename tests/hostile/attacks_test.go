package hostile

import (
	"context"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/protocol/batch"
)

// bigTopic holds much to fetch.
const bigTopic = "big"

// produceOf builds a produce request of one partition.
func produceOf(topic string, records []byte) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Version, r.Acks, r.TimeoutMillis = 9, -1, 5000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return r
}

func batchOf(size int) batch.Batch {
	return batch.Build(batch.Options{}, batch.Record{Timestamp: 1, Value: make([]byte, size)})
}

// greedyFetch asks for as much as there is.
func greedyFetch() *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version, r.MaxBytes, r.MaxWaitMillis, r.MinBytes = 12, 1<<30, 0, 1
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes, p.CurrentLeaderEpoch = 1<<30, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = bigTopic, append(t.Partitions, p)
	r.SessionEpoch, r.Topics = -1, append(r.Topics, t)
	return r
}

// attack is what one kind of hostile client does with a connection.
type attack struct {
	begin func(*attacker) error // may be nil; the connection counts as held after it
	act   func(*attacker)       // returns when the broker or the end of the assault has closed the connection
	pace  time.Duration         // a connection does one deed in so long
	deeds atomic.Int64
}

// Attacks by name. A crowd of ten thousand does some 1,700 deeds a second: each costs the broker as much as a
// small request or more, so that more of them would be load, not malice.
const (
	silentKind  = "silent"       // says nothing
	greetedKind = "greeted"      // asks for the versions, as clients do, and says nothing more
	readerKind  = "slow readers" // asks for gigabytes and takes some bytes now and then
	writerKind  = "slow writers" // announces a large request and sends it in crumbs
	garbageKind = "garbage"      // noise, other protocols, lies about sizes, requests cut off
)

var attacks = map[string]*attack{
	silentKind:  {act: (*attacker).stare},
	greetedKind: {begin: (*attacker).greet, act: (*attacker).stare},
	readerKind:  {begin: (*attacker).want, act: (*attacker).sip, pace: 5 * time.Second},
	writerKind:  {begin: (*attacker).announce, act: (*attacker).dawdle, pace: 5 * time.Second},
	garbageKind: {act: (*attacker).babble, pace: 3 * time.Second},
}

// attacker is one connection.
type attacker struct {
	*socket
	ctx    context.Context
	random *rand.Rand
	kind   *attack
}

// turn waits for the next deed; false at the end of the assault. The first comes after a random part of the
// pace, so that connections opened together do not act together.
func (a *attacker) turn(first bool) bool {
	wait := a.kind.pace
	if first {
		wait = time.Duration(a.random.Int64N(int64(wait)))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// stare waits until the connection is closed: unasked, the broker says nothing.
func (a *attacker) stare() { _, _ = a.Read(make([]byte, 1)) }

func (a *attacker) greet() error {
	_, err := a.ask(kmsg.NewPtrApiVersionsRequest())
	_ = a.SetReadDeadline(time.Time{}) // ask has set one
	return err
}

// want asks for more than the socket's buffers hold, several times.
func (a *attacker) want() error {
	request := a.request(greedyFetch())
	for range 8 {
		if _, err := a.Write(request); err != nil {
			return err
		}
	}
	return nil
}

// sip takes little of what was asked for.
func (a *attacker) sip() {
	some := make([]byte, 4096)
	for first := true; a.turn(first); first = false {
		if _, err := a.Read(some); err != nil {
			return
		}
		a.kind.deeds.Add(1)
	}
}

// crumb is what a slow writer sends at a time.
const crumb = 100

// largeProduce is shared by all slow writers, who only read it.
var largeProduce = (&socket{}).request(produceOf(steadyTopic, batchOf(500_000)))

// announce begins a large request.
func (a *attacker) announce() error {
	_, err := a.Write(largeProduce[:crumb])
	return err
}

// dawdle sends the rest of it in crumbs, but never the last byte: nothing of it may be appended.
func (a *attacker) dawdle() {
	rest := largeProduce[crumb : len(largeProduce)-1]
	for first := true; a.turn(first) && len(rest) > 0; first = false {
		size := min(crumb, len(rest))
		if _, err := a.Write(rest[:size]); err != nil {
			return
		}
		rest = rest[size:]
		a.kind.deeds.Add(1)
	}
}

// babble sends what is no request, and goes on while the broker bears it.
func (a *attacker) babble() {
	for first := true; a.turn(first); first = false {
		if _, err := a.Write(a.nonsense()); err != nil {
			return
		}
		a.kind.deeds.Add(1)
		_ = a.SetReadDeadline(time.Now().Add(a.kind.pace / 10))
		for {
			if _, err := a.Read(make([]byte, 4096)); os.IsTimeout(err) {
				break
			} else if err != nil {
				return
			}
		}
	}
}

// nonsense returns one of many sorts.
func (a *attacker) nonsense() []byte {
	switch a.random.IntN(4) {
	case 0:
		return noise(a.random)
	case 1:
		for _, greeting := range greetings {
			return greeting // any one: maps come in random order
		}
	case 2:
		broken := batchOf(4000)
		broken[17] ^= 1 // of its CRC: what is sent next may complete the request, which must not be valid
		whole := a.request(produceOf(steadyTopic, broken))
		return whole[:a.random.IntN(len(whole))]
	}
	list := lies(a.request(filled(int16(kmsg.Metadata), 9)))
	return list[a.random.IntN(len(list))]
}
