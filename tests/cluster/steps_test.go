package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/tests/cluster/lab"
)

// step is a moment of a transaction at which its coordinator is killed: before or after it handles a message.
type step struct {
	what    string
	message string
	nth     int  // of those that come from when the step is armed
	ending  bool // it is armed right before the transaction ends, not right before it begins
	maybe   bool // there may be no such message: how many answers come depends on who leads the partitions
}

// steps are those of one transaction in the order of the coordinator's log.
//
//	before Ask of the end      nothing of the end is written
//	after it                   the decision is proposed: it may be committed or not
//	before and after Proposed  the decision is committed; then the partitions are told
//	before and after Answered  the partitions of one node are told, others may be or not
//	before and after Proposed  the end is committed; then the transaction is over
var steps = []step{
	{what: "the first partitions", message: "coordinator.Ask", nth: 1},
	{what: "the first partitions are written", message: "applier.Proposed", nth: 1},
	{what: "the end", message: "coordinator.Ask", nth: 1, ending: true},
	{what: "the decision is written", message: "applier.Proposed", nth: 1, ending: true},
	{what: "a node has written its markers", message: "brokers.Answered", nth: 1, ending: true},
	{what: "the next node has", message: "brokers.Answered", nth: 2, ending: true, maybe: true},
	{what: "the last node has", message: "brokers.Answered", nth: 3, ending: true, maybe: true},
	{what: "the end is written", message: "applier.Proposed", nth: 2, ending: true},
}

// stepWriter is the one writer of these tests.
const stepWriter = 0

// TestCoordinatorKilledAtEachStep holds the coordinator up before and after each step of a transaction that
// commits or aborts, and kills it there: what was decided is carried out everywhere, and what was not is
// aborted everywhere.
func TestCoordinatorKilledAtEachStep(t *testing.T) {
	beside(t)
	for _, generation := range generations {
		t.Run(generation.name, func(t *testing.T) {
			c := running(t, lab.Options{
				Warnings: []string{linkLost, controllerLost, heldUp},
				Env:      []string{"CHRONIK_ADMIN_FAULTS=true"},
			}, transactionPartitions)
			l := &transactions{c: c, options: generation.options, cancel: func() {}}
			if l.attempt(nil, true) != committed { // which makes the topic of the states
				t.Fatal("no transaction can be made at the beginning")
			}
			struck := 0
			for _, s := range steps {
				for _, point := range []string{"before", "after"} {
					for _, commit := range form([]bool{true}, []bool{true, false}) {
						if l.killAt(t, s, point, commit) {
							struck++
						}
					}
				}
			}
			c.AwaitInSync(lab.Patience, topic, transactionTopic)
			ended := int64(len(l.outcomes[stepWriter]))
			broken := l.verify(t)
			row(t, fmt.Sprintf("coordinator killed with -9 before and after each step, %s, %d kills: transactions half there, "+
				"lost, or there though aborted", generation.name, struck), "0", broken == nil, "%s", verdict(broken, ended))
		})
	}
}

// killAt makes one transaction and kills its coordinator on the way. It tells whether the step was met.
func (l *transactions) killAt(t *testing.T, s step, point string, commit bool) bool {
	t.Helper()
	node := coordinatorOf(l.c, stepWriter)
	fault := admin.Fault{
		Path: "broker/transactions/coordinator-*", Message: s.message, Nth: s.nth, Point: point, Do: "stall",
	}
	arm := func(ending bool) {
		if ending != s.ending {
			return
		}
		if err := node.Fault(t.Context(), fault); err != nil {
			t.Error(err)
		}
	}
	ended := make(chan int, 1)
	go func() { ended <- l.attempt(arm, commit) }()
	met, outcome := l.awaitStrike(t, node, ended)
	if !met && !s.maybe {
		t.Errorf("%s %s: the coordinator never got there", point, s.what)
	}
	node.Kill()
	if outcome < 0 {
		outcome = <-ended
	}
	node.Start()
	if met && s.decided() {
		l.decide(t, outcome, commit)
	}
	t.Logf("%s %s, commit %t: met %t, outcome %d", point, s.what, commit, met, outcome)
	return met
}

// decided tells whether the end was in the log when the coordinator was killed.
func (s step) decided() bool { return s.ending && s.message != "coordinator.Ask" }

// decide notes how the last transaction has to end although its client may not know.
func (l *transactions) decide(t *testing.T, outcome int, commit bool) {
	t.Helper()
	want := aborted
	if commit {
		want = committed
	}
	if outcome != unknown && outcome != want {
		t.Errorf("the client was told %d of a transaction whose outcome %d was decided", outcome, want)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[stepWriter][len(l.outcomes[stepWriter])-1] = want
}

// afterwards is how long a step may be waited for once the client has its answer: markers come after it.
const afterwards = 2 * time.Second

// awaitStrike returns when the node holds still, or when the transaction has been over for a while. The
// outcome is negative while the transaction is not over.
func (l *transactions) awaitStrike(t *testing.T, n *lab.Node, ended <-chan int) (met bool, outcome int) {
	t.Helper()
	outcome = -1
	var over time.Time
	l.c.Until(2*lab.Patience, "the coordinator holds still", func(ctx context.Context) error {
		strikes, err := n.Strikes(ctx)
		if err != nil {
			return err
		}
		if met = strikes > 0; met {
			return nil
		}
		select {
		case outcome = <-ended:
			over = time.Now()
		default:
		}
		if outcome >= 0 && time.Since(over) > afterwards {
			return nil
		}
		return errors.New("it works on")
	})
	return met, outcome
}

// attempt makes the next transaction with a client of its own. arm is called before it begins to write and
// before it ends.
func (l *transactions) attempt(arm func(ending bool), commit bool) int {
	l.mu.Lock()
	number := len(l.outcomes[stepWriter])
	l.outcomes[stepWriter] = append(l.outcomes[stepWriter], unknown)
	l.mu.Unlock()
	outcome := unknown
	if client, err := l.client(stepWriter); err == nil {
		outcome = transactAt(client, number, arm, commit)
		client.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[stepWriter][number] = outcome
	return outcome
}

// transactAt is transact with a say in how it ends. It writes its first record alone, so that the transaction
// has begun, or was refused, before the others are written.
func transactAt(client *kgo.Client, number int, arm func(ending bool), commit bool) int {
	ctx, cancel := context.WithTimeout(context.Background(), lab.Patience)
	defer cancel()
	// The producer id belongs to the client from here on: what follows is the transaction alone.
	if _, _, err := client.ProducerID(ctx); err != nil {
		return unknown
	}
	if err := client.BeginTransaction(); err != nil {
		return unknown
	}
	if arm != nil {
		arm(false)
	}
	for partition := range int32(transactionPartitions) {
		record := &kgo.Record{Partition: partition, Value: fmt.Appendf(nil, "%d %d", stepWriter, number)}
		if client.ProduceSync(ctx, record).FirstErr() != nil {
			return giveUp(ctx, client)
		}
	}
	if arm != nil {
		arm(true)
	}
	try, outcome := kgo.TryCommit, committed
	if !commit {
		try, outcome = kgo.TryAbort, aborted
	}
	if client.EndTransaction(ctx, try) != nil {
		return unknown
	}
	return outcome
}

// giveUp aborts a transaction some of whose records could not be written.
func giveUp(ctx context.Context, client *kgo.Client) int {
	if client.AbortBufferedRecords(ctx) != nil || client.EndTransaction(ctx, kgo.TryAbort) != nil {
		return unknown
	}
	return aborted
}
