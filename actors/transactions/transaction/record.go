package transaction

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// State is where a transactional id stands. The numbers are those of Kafka's format.
type State int8

// States. See the package comment.
const (
	Empty             State = 0
	Ongoing           State = 1
	PrepareCommit     State = 2
	PrepareAbort      State = 3
	CompleteCommit    State = 4
	CompleteAbort     State = 5
	Dead              State = 6
	PrepareEpochFence State = 7
)

var stateNames = []string{
	"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead",
	"PrepareEpochFence",
}

// String returns the name that Kafka's tools show.
func (s State) String() string { return stateNames[s] }

// Valid tells whether there is such a state.
func (s State) Valid() bool { return s >= 0 && int(s) < len(stateNames) }

// StateOf returns the state of a name, false if there is none.
func StateOf(name string) (State, bool) {
	i := slices.Index(stateNames, name)
	return State(i), i >= 0
}

// Prepared tells whether the end is decided and partitions are being told.
func (s State) Prepared() bool { return s == PrepareCommit || s == PrepareAbort }

// Open tells whether a transaction has begun, and not ended in all its partitions.
func (s State) Open() bool { return s == Ongoing || s.Prepared() }

// Place is a partition that takes part in a transaction.
type Place struct {
	Topic     string
	Partition int32
}

// Compare orders places by topic and partition.
func (p Place) Compare(other Place) int {
	return cmp.Or(strings.Compare(p.Topic, other.Topic), cmp.Compare(p.Partition, other.Partition))
}

// Values that stand for "none".
const (
	NoProducerID int64 = -1
	NoEpoch      int16 = -1
	NoTime       int64 = -1
)

// Producer is the id and epoch that a producer writes with.
type Producer struct {
	ID    int64
	Epoch int16
}

// NoProducer is nobody.
var NoProducer = Producer{NoProducerID, NoEpoch}

// lastEpoch is the highest epoch that a producer is given. The one above it is for fencing.
const lastEpoch = math.MaxInt16 - 1

func (p Producer) exhausted() bool { return p.Epoch >= lastEpoch }

// Generations of transactions: the levels of the feature transaction.version.
const (
	FirstGeneration  int16 = 0
	SecondGeneration int16 = 2
)

// Record is what the log says of a transactional id. It is immutable.
type Record struct {
	Producer      Producer
	Previous      int64 // producer id before the last change
	Next          int64 // producer id after the end that is being carried out, because the epochs are used up
	LastEpoch     int16 // that the producer had before, for a request that is repeated; the log forgets it
	TimeoutMillis int32
	State         State
	Partitions    []Place // in order
	Started       int64   // milliseconds since the epoch
	Updated       int64   // the same
	ClientVersion int16   // generation of the last transaction
}

// none is the record of an id that nobody has asked for.
var none = Record{
	Producer: NoProducer, Previous: NoProducerID, Next: NoProducerID, LastEpoch: NoEpoch, Started: NoTime,
}

// Has tells whether a partition takes part.
func (r *Record) Has(p Place) bool {
	_, found := slices.BinarySearchFunc(r.Partitions, p, Place.Compare)
	return found
}

// SetPartitions puts the partitions of a record that is being made into order, each once.
func (r *Record) SetPartitions(places []Place) {
	slices.SortFunc(places, Place.Compare)
	r.Partitions = slices.Compact(places)
}

// with returns the partitions of the record and more, and whether there are more than before.
func (r *Record) with(more []Place) ([]Place, bool) {
	var all Record
	all.SetPartitions(append(slices.Clone(r.Partitions), more...))
	return all.Partitions, len(all.Partitions) > len(r.Partitions)
}

// timedOut tells whether a transaction has taken longer than its producer allows.
func (r *Record) timedOut(now time.Time) bool {
	return r.State == Ongoing && r.Started+int64(r.TimeoutMillis) < now.UnixMilli()
}

// expired tells whether the id may be forgotten because nothing has happened for so long.
func (r *Record) expired(now time.Time, retention time.Duration) bool {
	rests := r.State == Empty || r.State == CompleteCommit || r.State == CompleteAbort
	return rests && r.Updated <= now.Add(-retention).UnixMilli()
}
