package fetch

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/kit"
	"github.com/chronik-go/chronik/actors/partition"
	"github.com/chronik-go/chronik/actors/request"
	"github.com/chronik-go/chronik/protocol"
)

// maxPartitions bounds the partitions of one fetch and of one session. A consumer that reads more than
// that from a single broker gets InvalidRequest; the bound is there for those who never meant to read.
const maxPartitions = 100_000

// maxWait bounds how long a fetch may wait for data, whatever the client says.
const maxWait = 5 * time.Minute

// work is one Fetch request that is being answered.
type work struct {
	number  uint64 // ascending
	slot    uint64
	header  protocol.Header
	limits  limits
	least   int // bytes that the client waits for
	patient time.Duration
	scope   scope
	items   []item
	bytes   int   // readable at the last look, over all items
	woken   []int // items to look at again
	vain    int   // wake-ups that brought nothing
	urgent  bool  // an item has something to tell at once
	timer   kit.Timer
}

// newWork reads the parameters of a request. most is the broker's own bound on a response, in bytes.
func newWork(number uint64, m Read, r *kmsg.FetchRequest, most int) *work {
	w := &work{
		number: number, slot: m.Slot, header: m.Request.Header,
		limits: limits{
			version: r.Version, maxBytes: min(max(0, int(r.MaxBytes)), most),
			committed: r.IsolationLevel == 1, rack: r.Rack,
		},
		patient: min(time.Duration(max(0, r.MaxWaitMillis))*time.Millisecond, maxWait),
	}
	w.least = min(int(r.MinBytes), w.limits.maxBytes)
	return w
}

// look reads everything and reports whether the fetch can be answered.
func (w *work) look() bool {
	w.bytes, w.urgent = readAll(w.items, w.limits)
	return w.enough()
}

func (w *work) enough() bool {
	return w.urgent || w.bytes >= w.least || w.patient <= 0 || len(w.items) == w.unknown()
}

// unknown counts the partitions that do not exist. They alone do not end a wait, as in Kafka: a consumer of
// a deleted topic would otherwise fetch in a tight loop.
func (w *work) unknown() int {
	n := 0
	for i := range w.items {
		if w.items[i].unknown() {
			n++
		}
	}
	return n
}

// lookAgain looks at the items that were woken and reports whether the fetch can be answered now. It only
// measures; the answer reads everything anew, in order and within the limits.
func (w *work) lookAgain() bool {
	for _, index := range w.woken {
		one := &w.items[index]
		w.bytes -= one.size
		one.measure(w.limits)
		w.bytes += one.size
		w.urgent = w.urgent || one.urgent()
	}
	return w.enough()
}

// release gives back the regions of all items.
func (w *work) release() {
	for i := range w.items {
		w.items[i].release()
	}
}

// resolver finds replicas. Neighbours in a request mostly belong to one topic, so it remembers the last.
type resolver struct {
	env    *request.Env
	absent func(k key) (protocol.Code, *partition.Leadership) // why a partition has no replica here
	last   key
	topic  *partition.Topic
}

// item returns the item of an entry.
func (r *resolver) item(e *entry) item {
	if r.topic == nil || r.last.topic != e.topic || r.last.id != e.id {
		r.last, r.topic = e.key, r.find(e.key)
	}
	if replica := r.topic.Replica(e.partition); replica != nil {
		return item{entry: e, env: r.env, replica: replica}
	}
	code, leadership := r.absent(e.key)
	return item{entry: e, env: r.env, elsewhere: leadership, result: failed(code)}
}

func (r *resolver) find(k key) *partition.Topic {
	if k.id != [16]byte{} || k.topic == "" {
		return r.env.Replicas.TopicByID(k.id)
	}
	return r.env.Replicas.Topic(k.topic)
}
