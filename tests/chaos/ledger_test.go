package chaos

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// ledger is what the clients were told, and the judge of it. Values are "<producer>/<number>".
type ledger struct {
	mu     sync.Mutex
	acked  map[string]place   // by value
	sent   map[string]int     // numbers given to a producer
	read   map[int32][]string // by partition of the topic orders: what readers saw, by offset
	high   map[int32]int64    // the highest high watermark that the reader of the partition saw
	told   []string           // violations
	commit commits
	txns   map[string]string // by transaction: committed, aborted or unknown
}

// commits are the offsets of a group: the last one that was tried, and the last one that was acked.
type commits struct{ tried, acked int64 }

type place struct {
	partition int32
	offset    int64
}

// mostViolations bounds what is told: one is enough to fail.
const mostViolations = 20

func newLedger() *ledger {
	return &ledger{
		acked: map[string]place{}, sent: map[string]int{}, read: map[int32][]string{}, high: map[int32]int64{},
		txns: map[string]string{}, commit: commits{acked: -1},
	}
}

func (l *ledger) violation(format string, values ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(format, values...)
}

func (l *ledger) tell(format string, values ...any) {
	if len(l.told) < mostViolations {
		l.told = append(l.told, time.Now().Format(clock)+": "+fmt.Sprintf(format, values...))
	}
}

// next returns the next value of a producer.
func (l *ledger) next(producer string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[producer]++
	return fmt.Sprintf("%s/%d", producer, l.sent[producer])
}

func (l *ledger) ack(value string, partition int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[value] = place{partition, offset}
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// see notes what the one reader of a partition was given: offset by offset, and what it saw stays.
func (l *ledger) see(partition int32, offset, high int64, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if want := int64(len(l.read[partition])); offset != want {
		l.tell("partition %d: the reader got offset %d after %d", partition, offset, want-1)
		return
	}
	l.read[partition] = append(l.read[partition], value)
	if high < l.high[partition] {
		l.tell("partition %d: the high watermark went back from %d to %d", partition, l.high[partition], high)
	}
	l.high[partition] = max(high, l.high[partition])
	if high <= offset {
		l.tell("partition %d: offset %d was read above the high watermark %d", partition, offset, high)
	}
}

// verify compares everything with what is in the log at the end: content by partition and offset.
func (l *ledger) verify(t *testing.T, content map[int32][]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	where := map[string]place{}
	for partition, values := range content {
		last := map[string]int{}
		for offset, value := range values {
			if before, twice := where[value]; twice {
				l.tell("%s is at %v and again at offset %d of partition %d", value, before, offset, partition)
			}
			where[value] = place{partition, int64(offset)}
			producer, number := parse(value)
			if number <= last[producer] {
				l.tell("partition %d: %s comes after number %d of the same producer", partition, value, last[producer])
			}
			last[producer] = number
		}
		for offset, value := range l.read[partition] {
			if offset >= len(values) || values[offset] != value {
				l.tell("partition %d: a reader saw %s at offset %d, which is not there at the end", partition, value, offset)
				break
			}
		}
	}
	for value, acked := range l.acked {
		if got, there := where[value]; !there {
			l.tell("%s was acked at %v and is not there", value, acked)
		} else if got != acked {
			l.tell("%s was acked at %v and is at %v", value, acked, got)
		}
	}
	for _, one := range l.told {
		t.Error("VIOLATION:", one)
	}
}

// verifyTransactions looks at what a reader of committed records gets.
func (l *ledger) verifyTransactions(counts map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for txn, n := range counts {
		if _, begun := l.txns[txn]; !begun {
			l.tell("transaction %s was read and never begun", txn)
		}
		if n != recordsPerTransaction {
			l.tell("transaction %s: %d of %d records were read", txn, n, recordsPerTransaction)
		}
	}
	for txn, end := range l.txns {
		if n := counts[txn]; end == "committed" && n == 0 || end == "aborted" && n > 0 {
			l.tell("transaction %s was %s and has %d records", txn, end, n)
		}
	}
}

func parse(value string) (producer string, number int) {
	for i := len(value) - 1; i >= 0; i-- {
		if value[i] == '/' {
			producer = value[:i]
			_, _ = fmt.Sscan(value[i+1:], &number) // a value of ours
			break
		}
	}
	return producer, number
}
