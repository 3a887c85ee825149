// Package history holds what clients of transactions did and saw, and finds what must not be in it.
//
// Every value is written once and names who wrote it, so that a reader knows which transaction a record is of
// and which place it has in it. What is looked for, with the names that it has elsewhere:
//
//	Anomaly        what                                            known as
//	LostWrite      a committed record is not there                 Jepsen's Kafka workload: lost-write
//	AbortedRead    a record of an aborted transaction was read     Adya: G1a, aborted read
//	Torn           some records of a transaction are there and     Adya: atomicity of PL-2 and above; fractured
//	               others are not                                  read (RAMP transactions)
//	Duplicate      a value stands at two offsets                   Jepsen: duplicate
//	Reordered      values of one writer stand in another order     Jepsen: int-nonmonotonic-send, ww cycle (G0)
//	               than it wrote them
//	Inconsistent   two readers saw two values at one offset        Jepsen: inconsistent-offsets
//	Skipped        a reader went past a record that counts         Jepsen: poll-skip
//	Backward       a reader went back without being told to        Jepsen: nonmonotonic-poll
//	Phantom        a value that nobody wrote there                 Adya: no version has such a writer
//
// A transaction whose end is not known, since its client lost the answer, may be there or not, as a whole.
//
// A chain is checked by its outputs: the writer of a record in the sink is the partition of the source, and
// what it wrote is what the source holds, so that input that was left out is a LostWrite, and input that was
// taken twice a Duplicate.
//
// The model is that of Adya's thesis (Weak Consistency, 1999) as Jepsen's Elle and its workload for Kafka
// apply it to logs. The package is pure: it knows neither clients nor clocks.
package history
