package history

import "fmt"

// Place is a partition of a topic.
type Place struct {
	Topic     string
	Partition int32
}

// Value names a record: the so-many-th one that a writer made, over all of its transactions.
type Value struct {
	Writer string
	Number int64
}

// String formats a value as clients write it.
func (v Value) String() string { return fmt.Sprintf("%s %d", v.Writer, v.Number) }

// Parse is the inverse of String.
func Parse(text string) (Value, error) {
	var v Value
	if _, err := fmt.Sscanf(text, "%s %d", &v.Writer, &v.Number); err != nil || v.String() != text {
		return Value{}, fmt.Errorf("%q is no value", text)
	}
	return v, nil
}

// Unknown is the offset of a write that was not acknowledged.
const Unknown int64 = -1

// Write is a record that a transaction wrote.
type Write struct {
	Place  Place
	Value  Value
	Offset int64 // acknowledged, or Unknown
}

// Outcome is how a transaction ended, as its client knows.
type Outcome int

// The outcomes.
const (
	Undecided Outcome = iota // the client does not know
	Committed
	Aborted
)

// Transaction is what one transaction did, in the order in which it did it.
type Transaction struct {
	Writes  []Write
	Outcome Outcome
}

// Seen is a record that a reader of committed records got.
type Seen struct {
	Place  Place
	Offset int64
	Value  Value
}

// Reader is what one reader got, in order. A reader that begins anew is another one.
type Reader struct {
	Name string
	Seen []Seen
}

// History is everything that is known. Final is what a reader got that began at the start of each place after
// everything had ended, and went to its end.
type History struct {
	Transactions []Transaction
	Readers      []Reader
	Final        []Seen
}
