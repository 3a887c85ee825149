package member

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Teller says what one member does. Each line is one write: all hosts write to the same pipe, whose writes
// of up to 4096 bytes are atomic, so that the order of lines is the order in which things happened.
type Teller struct{ name string }

func (t *Teller) tell(word string, rest ...string) {
	line := strings.Join(append([]string{word, t.name}, rest...), " ") + "\n"
	_, _ = os.Stdout.WriteString(line) // nobody reads: the input ends too, and with it the host
}

// Assigned says that partitions are the member's from now on. It reads them from the committed offset.
func (t *Teller) Assigned(partitions []int32) { t.partitions("assigned", partitions) }

// Revoked says that the member gave partitions away or lost them.
func (t *Teller) Revoked(partitions []int32) { t.partitions("revoked", partitions) }

func (t *Teller) partitions(word string, partitions []int32) {
	rest := make([]string, len(partitions))
	for i, partition := range partitions {
		rest[i] = fmt.Sprint(partition)
	}
	t.tell(word, rest...)
}

// Read says that the application got the records from one offset to another, both included.
func (t *Teller) Read(partition int32, from, to int64) {
	t.tell("read", fmt.Sprint(partition), fmt.Sprint(from), fmt.Sprint(to))
}

// Record is what the application got.
type Record struct {
	Partition int32
	Offset    int64
	Value     []byte // its offset in decimal, as the producer wrote it
}

// Records says what the application got at once, in the order it got it, and returns the offsets to commit.
func (t *Teller) Records(records []Record) map[int32]int64 {
	next := make(map[int32]int64)
	for i := 0; i < len(records); {
		first, j := records[i], i+1
		for j < len(records) && records[j].Partition == first.Partition && records[j].Offset == records[j-1].Offset+1 {
			j++
		}
		for _, r := range records[i:j] {
			if string(r.Value) != fmt.Sprint(r.Offset) {
				t.Failed(fmt.Errorf("the record at %d-%d holds %q", r.Partition, r.Offset, r.Value))
			}
		}
		last := records[j-1].Offset
		t.Read(first.Partition, first.Offset, last)
		next[first.Partition] = last + 1
		i = j
	}
	return next
}

// Commit says that the member is about to commit; Committed, that the broker has acknowledged it.
func (t *Teller) Commit(next map[int32]int64) { t.offsets("commit", next) }

// Committed says what the broker acknowledged.
func (t *Teller) Committed(next map[int32]int64) { t.offsets("committed", next) }

func (t *Teller) offsets(word string, next map[int32]int64) {
	rest := make([]string, 0, len(next))
	for partition, offset := range next {
		rest = append(rest, fmt.Sprintf("%d:%d", partition, offset))
	}
	slices.Sort(rest)
	t.tell(word, rest...)
}

// Refused says that a commit failed, as it may while the group changes.
func (t *Teller) Refused(err error) { t.tell("refused", oneLine(err)) }

// Failed says that something happened that must not.
func (t *Teller) Failed(err error) { t.tell("failed", oneLine(err)) }

func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	return text[:min(len(text), 300)]
}
