package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// seedOf returns the seed of a test, SEED from the environment or a new one, and prints it.
func seedOf(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = given
	}
	t.Logf("SEED=%d", seed)
	return seed
}

// log is a partition of a perfect broker: what is in it, and which of it counts.
type log struct {
	records []*entry
}

type entry struct {
	value  Value
	offset int64
	counts bool
}

// perfect makes a history of a broker without faults: writers whose transactions take turns, some of which are
// aborted and some of which lose their answer, and readers that begin and end anywhere.
func perfect(random *rand.Rand) *History {
	h, logs := &History{}, map[Place]*log{}
	for p := range int32(3) {
		logs[Place{"t", p}] = &log{}
	}
	numbers := map[string]int64{}
	for range 40 {
		writer := fmt.Sprint("w", random.IntN(4))
		t := Transaction{Outcome: Outcome(random.IntN(3))}
		counts := t.Outcome == Committed || t.Outcome == Undecided && random.IntN(2) == 0
		for range 2 + random.IntN(4) {
			place := Place{"t", random.Int32N(3)}
			value := Value{writer, numbers[writer]}
			numbers[writer]++
			l := logs[place]
			one := &entry{value, int64(2 * len(l.records)), counts} // there are markers between them
			l.records = append(l.records, one)
			w := Write{place, value, one.offset}
			if t.Outcome == Undecided && random.IntN(2) == 0 {
				w.Offset = Unknown
			}
			t.Writes = append(t.Writes, w)
		}
		h.Transactions = append(h.Transactions, t)
	}
	for place, l := range logs {
		for _, one := range l.records {
			if one.counts {
				h.Final = append(h.Final, Seen{place, one.offset, one.value})
			}
		}
	}
	slices.SortFunc(h.Final, func(a, b Seen) int { return int(a.Offset - b.Offset) })
	for n := range 3 {
		from, to := random.Int64N(20), 20+random.Int64N(200)
		r := Reader{Name: fmt.Sprint("r", n)}
		for _, one := range h.Final {
			if one.Offset >= from && one.Offset < to {
				r.Seen = append(r.Seen, one)
			}
		}
		h.Readers = append(h.Readers, r)
	}
	return h
}

func TestAPerfectHistoryHasNoAnomalies(t *testing.T) {
	random := rand.New(rand.NewPCG(seedOf(t), 0))
	for range 500 {
		if found := Check(perfect(random)); len(found) > 0 {
			t.Fatalf("got %v", found)
		}
	}
}

// kinds returns which kinds were found, each once.
func kinds(found []Anomaly) []Kind {
	var list []Kind
	for _, one := range found {
		list = append(list, one.Kind)
	}
	return slices.Compact(list)
}

// pick returns a transaction of an outcome with at least two records.
func pick(h *History, outcome Outcome, random *rand.Rand) *Transaction {
	for {
		if t := &h.Transactions[random.IntN(len(h.Transactions))]; t.Outcome == outcome {
			return t
		}
	}
}

// drop removes what keep says no to from the final state and from what readers got.
func drop(h *History, gone func(Seen) bool) {
	h.Final = slices.DeleteFunc(slices.Clone(h.Final), gone)
	for i := range h.Readers {
		h.Readers[i].Seen = slices.DeleteFunc(slices.Clone(h.Readers[i].Seen), gone)
	}
}

// planted are the faults of a broker, each with the kinds that have to be found and no others.
var planted = map[string]struct {
	plant func(h *History, random *rand.Rand)
	want  []Kind
}{
	"a committed transaction is lost": {func(h *History, random *rand.Rand) {
		t := pick(h, Committed, random)
		drop(h, func(s Seen) bool {
			return slices.ContainsFunc(t.Writes, func(w Write) bool { return w.Value == s.Value })
		})
	}, []Kind{LostWrite}},
	"one record of a committed transaction is lost": {func(h *History, random *rand.Rand) {
		value := pick(h, Committed, random).Writes[0].Value
		drop(h, func(s Seen) bool { return s.Value == value })
	}, []Kind{LostWrite, Torn}},
	"a transaction whose end is not known is half there": {func(h *History, random *rand.Rand) {
		t := pick(h, Committed, random)
		t.Outcome = Undecided
		drop(h, func(s Seen) bool { return s.Value == t.Writes[0].Value })
	}, []Kind{Torn}},
	"an aborted record is there in the end": {func(h *History, random *rand.Rand) {
		w := pick(h, Aborted, random).Writes[0]
		h.Final = append(h.Final, Seen{w.Place, w.Offset, w.Value})
		for i := range h.Readers {
			h.Readers[i].Seen = nil // who went past it would have skipped it
		}
	}, []Kind{AbortedRead}},
	"a reader gets an aborted record": {func(h *History, random *rand.Rand) {
		w := pick(h, Aborted, random).Writes[0]
		h.Readers = append(h.Readers, Reader{"r", []Seen{{w.Place, w.Offset, w.Value}}})
	}, []Kind{AbortedRead}},
	"a record is appended twice": {func(h *History, random *rand.Rand) {
		t := pick(h, Committed, random)
		w := t.Writes[len(t.Writes)-1]
		for i := range h.Transactions { // of the writer's last, so that order is not the matter
			for _, other := range h.Transactions[i].Writes {
				if h.Transactions[i].Outcome == Committed && other.Value.Writer == w.Value.Writer &&
					other.Value.Number > w.Value.Number && other.Place == w.Place {
					w = other
				}
			}
		}
		end := h.Final[len(h.Final)-1].Offset
		for _, one := range h.Final {
			if one.Value.Writer == w.Value.Writer && one.Place == w.Place && one.Value.Number > w.Value.Number {
				w.Value = one.Value
			}
		}
		h.Final = append(h.Final, Seen{w.Place, end + 10, w.Value})
	}, []Kind{Duplicate}},
	"two records of a writer change places": {func(h *History, random *rand.Rand) {
		for {
			a := random.IntN(len(h.Final))
			for b := a + 1; b < len(h.Final); b++ {
				x, y := &h.Final[a], &h.Final[b]
				if x.Place == y.Place && x.Value.Writer == y.Value.Writer {
					forget(h, x.Value)
					forget(h, y.Value)
					x.Value, y.Value = y.Value, x.Value
					h.Readers = nil
					return
				}
			}
		}
	}, []Kind{Reordered}},
	"a reader gets another value at an offset": {func(h *History, random *rand.Rand) {
		one := h.Final[random.IntN(len(h.Final))]
		for {
			if other := h.Final[random.IntN(len(h.Final))]; other.Value != one.Value {
				one.Value = other.Value
				break
			}
		}
		h.Readers = append(h.Readers, Reader{"r", []Seen{one}})
	}, []Kind{Inconsistent}},
	"a record is not where it was acknowledged": {func(h *History, random *rand.Rand) {
		pick(h, Committed, random).Writes[0].Offset++
	}, []Kind{Inconsistent}},
	"a reader skips a record": {func(h *History, random *rand.Rand) {
		var all []Seen
		for _, one := range h.Final {
			if one.Place.Partition == 0 {
				all = append(all, one)
			}
		}
		at := 1 + random.IntN(len(all)-2)
		h.Readers = append(h.Readers, Reader{"r", slices.Delete(all, at, at+1)})
	}, []Kind{Skipped}},
	"a reader gets a record twice": {func(h *History, random *rand.Rand) {
		one := h.Final[random.IntN(len(h.Final))]
		h.Readers = append(h.Readers, Reader{"r", []Seen{one, one}})
	}, []Kind{Backward}},
	"a reader gets what is gone in the end": {func(h *History, random *rand.Rand) {
		one := h.Final[random.IntN(len(h.Final))]
		t := &h.Transactions[0]
		for i := range h.Transactions {
			if slices.ContainsFunc(h.Transactions[i].Writes, func(w Write) bool { return w.Value == one.Value }) {
				t = &h.Transactions[i]
			}
		}
		t.Outcome = Undecided
		drop(h, func(s Seen) bool {
			return slices.ContainsFunc(t.Writes, func(w Write) bool { return w.Value == s.Value })
		})
		h.Readers = append(h.Readers, Reader{"r", []Seen{one}})
	}, []Kind{LostWrite}},
	"a record comes from nowhere": {func(h *History, random *rand.Rand) {
		place := h.Final[0].Place
		h.Final = append(h.Final, Seen{place, 10_000, Value{"nobody", 1}})
	}, []Kind{Phantom}},
	"a record is in another partition": {func(h *History, random *rand.Rand) {
		h.Readers = nil
		one := &h.Final[random.IntN(len(h.Final))]
		forget(h, one.Value)
		one.Place.Partition, one.Offset = 99, 0
	}, []Kind{Phantom}},
}

// forget takes back at which offset a value was acknowledged.
func forget(h *History, value Value) {
	for i := range h.Transactions {
		for j := range h.Transactions[i].Writes {
			if w := &h.Transactions[i].Writes[j]; w.Value == value {
				w.Offset = Unknown
			}
		}
	}
}

func TestEveryPlantedAnomalyIsFoundAndNoOther(t *testing.T) {
	seed := seedOf(t)
	for name, c := range planted {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 100 {
				h := perfect(random)
				c.plant(h, random)
				if found := Check(h); !slices.Equal(kinds(found), c.want) {
					t.Fatalf("got %v, want %v", found, c.want)
				}
			}
		})
	}
}

func TestEveryKindIsPlanted(t *testing.T) {
	var all []Kind
	for _, c := range planted {
		all = append(all, c.want...)
	}
	for _, kind := range []Kind{
		LostWrite, AbortedRead, Torn, Duplicate, Reordered, Inconsistent, Skipped, Backward, Phantom,
	} {
		if !slices.Contains(all, kind) {
			t.Errorf("nothing plants %s", kind)
		}
	}
}

func TestValuesAreReadAsTheyWereWritten(t *testing.T) {
	want := Value{"writer-1", 42}
	if got, err := Parse(want.String()); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "a", "a b", "a 1 ", "a 01", " a 1"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("got %v for %q", got, text)
		}
	}
}
