package partitionlog

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/chronik-go/chronik/protocol"
)

// epochStart says that the records from Start on were written in Epoch, until the next entry's Start.
type epochStart struct {
	Epoch protocol.LeaderEpoch
	Start protocol.Offset
}

// epochs is the leader-epoch history of a log (KIP-101), ascending in both columns. A value is immutable:
// every change returns a new one, so views share it.
type epochs []epochStart

// latest returns the newest epoch, NoLeaderEpoch for an empty history.
func (e epochs) latest() protocol.LeaderEpoch {
	if len(e) == 0 {
		return protocol.NoLeaderEpoch
	}
	return e[len(e)-1].Epoch
}

// with returns the history in which epoch, which is above all others, starts at start. An epoch without
// records, which is left when the log start has been moved to the end, makes room.
func (e epochs) with(epoch protocol.LeaderEpoch, start protocol.Offset) epochs {
	n := len(e)
	for n > 0 && e[n-1].Start >= start {
		n--
	}
	return append(e[:n:n], epochStart{epoch, start})
}

// from returns the history of what is left when the log starts at start: the epoch that start belongs to
// then begins there.
func (e epochs) from(start protocol.Offset) epochs {
	first := sort.Search(len(e), func(i int) bool { return e[i].Start > start }) - 1
	if first < 0 || (first == 0 && e[0].Start == start) {
		return e
	}
	rest := append(epochs(nil), e[first:]...)
	rest[0].Start = start
	return rest
}

// at returns the epoch of the record at offset, NoLeaderEpoch if the history does not reach back that far.
func (e epochs) at(offset protocol.Offset) protocol.LeaderEpoch {
	i := sort.Search(len(e), func(i int) bool { return e[i].Start > offset }) - 1
	if i < 0 {
		return protocol.NoLeaderEpoch
	}
	return e[i].Epoch
}

// end answers OffsetsForLeaderEpoch (KIP-101, KIP-279) for a log that ends at logEnd:
//
//	asked for                   answer
//	none, or above the latest   none
//	the latest                  that epoch, the end of the log
//	below the first             the epoch asked for, the start of the first
//	else                        the largest epoch that is not above it, the start of the one after
func (e epochs) end(
	epoch protocol.LeaderEpoch, logEnd protocol.Offset,
) (protocol.LeaderEpoch, protocol.Offset) {
	if epoch == protocol.NoLeaderEpoch || epoch > e.latest() {
		return protocol.NoLeaderEpoch, protocol.NoOffset
	}
	if epoch == e.latest() {
		return epoch, logEnd
	}
	above := sort.Search(len(e), func(i int) bool { return e[i].Epoch > epoch })
	if above == 0 {
		return epoch, e[0].Start
	}
	return e[above-1].Epoch, e[above].Start
}

// agrees tells whether two histories say the same of the offsets in [from, to).
func (e epochs) agrees(other epochs, from, to protocol.Offset) bool {
	if from >= to {
		return true
	}
	if e.at(from) != other.at(from) {
		return false
	}
	for _, history := range []epochs{e, other} {
		for _, entry := range history {
			if entry.Start > from && entry.Start < to && e.at(entry.Start) != other.at(entry.Start) {
				return false
			}
		}
	}
	return true
}

// sound tells whether e is a history that some log could have.
func (e epochs) sound() bool {
	for i, entry := range e {
		if entry.Epoch < 0 || entry.Start < 0 {
			return false
		}
		if i > 0 && (entry.Epoch <= e[i-1].Epoch || entry.Start <= e[i-1].Start) {
			return false
		}
	}
	return true
}

// maxEpochsFileBytes bounds what is read of a leader-epoch-checkpoint: 400,000 elections.
const maxEpochsFileBytes = 16 << 20

// format returns the content of Kafka's leader-epoch-checkpoint file, version 0: the version, the number of
// entries, then one line "epoch offset" for each.
func (e epochs) format() []byte {
	text := fmt.Appendf(nil, "0\n%d\n", len(e))
	for _, entry := range e {
		text = fmt.Appendf(text, "%d %d\n", entry.Epoch, entry.Start)
	}
	return text
}

var errEpochsFile = errors.New("no leader-epoch-checkpoint of version 0")

// parseEpochs reads what format writes.
func parseEpochs(text []byte) (epochs, error) {
	lines := bytes.Split(text, []byte("\n"))
	if len(lines) < 3 || string(lines[0]) != "0" || len(lines[len(lines)-1]) != 0 {
		return nil, errEpochsFile
	}
	lines = lines[1 : len(lines)-1]
	count, err := strconv.Atoi(string(lines[0]))
	if err != nil || count != len(lines)-1 {
		return nil, errEpochsFile
	}
	history := make(epochs, 0, count)
	for _, line := range lines[1:] {
		entry, err := parseEpochLine(line)
		if err != nil {
			return nil, err
		}
		history = append(history, entry)
	}
	if !history.sound() {
		return nil, errEpochsFile
	}
	return history, nil
}

func parseEpochLine(line []byte) (epochStart, error) {
	epoch, start, found := bytes.Cut(line, []byte(" "))
	if !found {
		return epochStart{}, errEpochsFile
	}
	first, err := strconv.ParseInt(string(epoch), 10, 32)
	if err != nil {
		return epochStart{}, errEpochsFile
	}
	second, err := strconv.ParseInt(string(start), 10, 64)
	if err != nil {
		return epochStart{}, errEpochsFile
	}
	return epochStart{protocol.LeaderEpoch(first), protocol.Offset(second)}, nil
}
