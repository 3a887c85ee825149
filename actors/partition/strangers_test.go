package partition

import (
	"testing"

	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// TestUnknownProducerBeginsWithWhatComesFirst gives the leader batches of producers that it does not know, as
// they come when several are on their way and some are refused elsewhere. A step is a sequence and whether the
// batch is taken.
func TestUnknownProducerBeginsWithWhatComesFirst(t *testing.T) {
	type step struct {
		sequence int32
		want     protocol.Code
	}
	const again, gap = protocol.NotEnoughReplicas, protocol.OutOfOrderSequenceNumber
	for name, steps := range map[string][]step{
		"from the start":           {{0, 0}, {1, 0}, {2, 0}},
		"the first was refused":    {{1, again}, {2, again}, {3, again}, {0, 0}, {1, 0}, {2, 0}, {3, 0}},
		"the first ones, too late": {{2, again}, {3, again}, {1, again}, {2, again}, {1, 0}, {2, 0}, {3, 0}},
		"was forgotten":            {{70, again}, {71, again}, {70, 0}, {71, 0}},
		"was forgotten, one alone": {{70, again}, {70, 0}, {71, 0}, {73, gap}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for i, s := range steps {
				p := b.propose(Append{
					Batch: records(1, &batch.Producer{ID: 9, Sequence: s.sequence}), AppendTime: -1,
				})
				if got := protocol.CodeOf(p.Err); got != s.want {
					t.Fatalf("step %d: got %v for sequence %d, want %v", i, got, s.sequence, s.want)
				}
			}
		})
	}
}

// TestUnknownProducerWithItsNextEpochIsNoOther: what an epoch before began with says nothing of this one. Once
// it is known, and forgotten again, it begins anew as well.
func TestUnknownProducerWithItsNextEpochIsNoOther(t *testing.T) {
	b := newBench(t)
	taken := func(epoch int16, sequence int32) bool {
		p := b.propose(Append{
			Batch: records(1, &batch.Producer{ID: 9, Epoch: epoch, Sequence: sequence}), AppendTime: -1,
		})
		return p.Err == nil
	}
	if taken(0, 3) || taken(1, 5) || taken(0, 3) || !taken(1, 5) || !taken(1, 6) {
		t.Error("a batch was taken at the wrong time")
	}
	b.propose(ExpireProducers{Before: 1 << 60})
	if taken(1, 7) || !taken(1, 7) {
		t.Error("a producer that was forgotten was not taken at its second try")
	}
}

// TestStrangersAreBounded: whoever makes up producers does not take memory for each, and keeps nobody out.
func TestStrangersAreBounded(t *testing.T) {
	var s strangers
	for id := range int64(2*maxStrangers + 5) {
		if err := s.meet(records(1, &batch.Producer{ID: id, Sequence: 1})); err == nil {
			t.Fatalf("producer %d was taken at its first try", id)
		}
	}
	if len(s) > maxStrangers {
		t.Errorf("got %d strangers, want at most %d", len(s), maxStrangers)
	}
	one := records(1, &batch.Producer{ID: 1, Sequence: 1})
	if s.meet(one) == nil || s.meet(one) != nil {
		t.Error("a stranger was not taken at its second try")
	}
}
