package conn

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/chronik-go/chronik/actors/request/fetch"
)

// TestRepliesLeaveInOrderOnce fills slots in random order, twice, with silent ones between them, and checks
// that replies are taken in the order of opening, each once, and that the ring never grows past its use.
func TestRepliesLeaveInOrderOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		var s slots
		m := slotModel{silent: map[uint64]bool{}}
		for range 400 {
			m.step(t, &s, random)
		}
		for len(m.open) > 0 {
			m.fill(t, &s, 0)
		}
		m.takeAll(t, &s)
		if s.count() != 0 || m.taken != len(m.loud) {
			t.Fatalf("%d slots left, %d of %d replies taken", s.count(), m.taken, len(m.loud))
		}
		if len(s.ring) > smallRing {
			t.Fatalf("an idle connection keeps a ring of %d", len(s.ring))
		}
	}
}

// slotModel says what slots should do.
type slotModel struct {
	open   []uint64 // not filled, in no order
	loud   []uint64 // every slot with a reply, in order of opening
	taken  int      // how many of loud have been taken
	silent map[uint64]bool
}

func (m *slotModel) step(t *testing.T, s *slots, random *rand.Rand) {
	switch random.IntN(5) {
	case 0, 1:
		silent := random.IntN(4) == 0
		number := s.open(pending{}, silent)
		m.open = append(m.open, number)
		m.silent[number] = silent
		if !silent {
			m.loud = append(m.loud, number)
		}
	case 2, 3:
		if len(m.open) > 0 {
			m.fill(t, s, random.IntN(len(m.open)))
		}
	default:
		m.takeAll(t, s)
	}
}

func (m *slotModel) fill(t *testing.T, s *slots, i int) {
	number := m.open[i]
	m.open = append(m.open[:i], m.open[i+1:]...)
	if s.get(number) == nil {
		t.Fatalf("slot %d is not open", number)
	}
	reply := fetch.Frame{Bytes: binary.BigEndian.AppendUint64(nil, number)}
	if silent := s.fill(number, reply); silent != m.silent[number] {
		t.Fatalf("slot %d: silent is %v", number, silent)
	}
	if s.get(number) != nil {
		t.Fatalf("slot %d can be filled twice", number)
	}
}

func (m *slotModel) takeAll(t *testing.T, s *slots) {
	for {
		reply, ok := s.take()
		if !ok {
			break
		}
		if got := binary.BigEndian.Uint64(reply.Bytes); got != m.loud[m.taken] {
			t.Fatalf("got the reply of slot %d, want %d", got, m.loud[m.taken])
		}
		m.taken++
	}
	if m.taken == len(m.loud) {
		return
	}
	for _, number := range m.open {
		if number == m.loud[m.taken] {
			return
		}
	}
	t.Fatalf("slot %d is filled and was not taken", m.loud[m.taken])
}

func TestSlotsOutsideTheWindowAreNotOpen(t *testing.T) {
	var s slots
	if s.get(0) != nil || s.get(7) != nil {
		t.Fatal("a slot is open that was never opened")
	}
	first := s.open(pending{}, false)
	s.fill(first, fetch.Frame{})
	s.take()
	if s.get(first) != nil {
		t.Fatal("a slot is open that was taken")
	}
}
