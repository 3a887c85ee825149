package group

import (
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/chronik-go/chronik/raftactor/applier"
	"github.com/chronik-go/chronik/storage/wal"
)

// disk is a model of the write-ahead log for one group: what is durable, and appends that are on their way.
type disk struct {
	state  wal.State
	found  bool
	flying []Append
}

// land makes the oldest append durable.
func (d *disk) land() Append {
	a := d.flying[0]
	d.flying = d.flying[1:]
	d.write(a.Update)
	return a
}

func (d *disk) write(u wal.Update) {
	d.found = true
	if u.Hard != nil {
		d.state.Hard = *u.Hard
	}
	if u.ConfState != nil {
		d.state.ConfState = u.ConfState
	}
	if u.Checkpoint != nil && u.Checkpoint.Index > d.state.Checkpoint.Index {
		continues := slices.ContainsFunc(d.state.Entries, func(e wal.Entry) bool {
			return e.Index == u.Checkpoint.Index && e.Term == u.Checkpoint.Term
		})
		d.state.Checkpoint = *u.Checkpoint
		d.state.Entries = slices.DeleteFunc(slices.Clone(d.state.Entries), func(e wal.Entry) bool {
			return !continues || e.Index <= u.Checkpoint.Index
		})
	}
	if len(u.Entries) > 0 {
		first := u.Entries[0].Index
		keep := slices.DeleteFunc(slices.Clone(d.state.Entries), func(e wal.Entry) bool { return e.Index >= first })
		d.state.Entries = append(keep, u.Entries...)
	}
}

func (d *disk) load() wal.State {
	s := d.state
	s.Group = 1
	s.Entries = slices.Clone(s.Entries)
	return s
}

// record is what a machine remembers of an applied proposal.
type record struct {
	term, index uint64
	data        string
}

// machine numbers what it applies; a Preparer numbers what it prepares, so that a proposal that was lost on
// the way leaves a gap that Apply finds.
type machine struct {
	applied []record
	index   uint64
	term    uint64
	conf    []byte

	restored uint64 // index that a fetched state stands for
}

type preparer struct{ next int }

// staleRefusal is a refusal that is right only if no other leader has taken anything after so many requests.
type staleRefusal struct{ known int }

func (e staleRefusal) Error() string { return fmt.Sprintf("refused after %d", e.known) }

func (p *preparer) Prepare(request any) applier.Prepared {
	text := request.(string)
	switch {
	case strings.HasPrefix(text, "refuse"):
		return applier.Prepared{Err: fmt.Errorf("refused %s", text)}
	case strings.HasPrefix(text, "doubt"):
		return applier.Prepared{Err: staleRefusal{p.next}, Confirm: true}
	case strings.HasPrefix(text, "answer"):
		return applier.Prepared{Answer: text}
	case strings.HasPrefix(text, "wait"):
		return applier.Prepared{Wait: true, Answer: fmt.Sprintf("%s after %d", text, p.next)}
	case text == "panic":
		panic("prepare failed")
	}
	p.next++
	return applier.Prepared{Data: fmt.Appendf(nil, "%d:%s", p.next-1, text)}
}

// apply applies entries and returns the results by index.
func (m *machine) apply(entries []applier.Entry) map[uint64]any {
	results := make(map[uint64]any)
	for _, e := range entries {
		var number int
		var text string
		if _, err := fmt.Sscanf(string(e.Data), "%d:%s", &number, &text); err == nil && e.Index <= m.restored {
			results[e.Index] = number // the state that was fetched has it
			continue
		}
		if e.Index <= m.index {
			panic(fmt.Sprintf("applied %d after %d", e.Index, m.index))
		}
		if _, err := fmt.Sscanf(string(e.Data), "%d:%s", &number, &text); err != nil || number != len(m.applied) {
			panic(fmt.Sprintf("applied %q as number %d", e.Data, len(m.applied)))
		}
		m.applied = append(m.applied, record{e.Term, e.Index, string(e.Data)})
		m.index = e.Index
		results[e.Index] = number
	}
	return results
}

// replica is a core with its model surroundings.
type replica struct {
	id          uint64
	incarnation uint32
	core        *Core
	disk        disk
	machine     *machine
	applies     []applier.Apply
	outbox      []*raftpb.Message

	alive    func(node int32) bool // nil: everybody
	resigned bool                  // stands for election only when told
	want     *Want
	fetches  []CatchUp
	members  MembersChanged
	restart  bool // the node was started anew, so the others have noticed
	caughtUp int

	leaders map[uint64]uint64 // term → replica that was ready in it; shared by the cluster
	answer  func(token uint64, p Proposed)
	trace   *strings.Builder // nil: no trace
}

// boot founds the group if the disk is empty, and starts an incarnation.
func (r *replica) boot(voters []uint64) error {
	if !r.disk.found && len(voters) > 0 {
		u, err := bootstrap(1, voters)
		if err != nil {
			return err
		}
		r.disk.write(u)
	}
	r.incarnation++
	state := r.disk.load()
	core, err := NewCore(CoreConfig{
		Group: 1, Replica: r.id, Incarnation: r.incarnation, Log: quietLogger{}, Alive: r.alive, Want: r.want,
	}, state)
	if err != nil {
		return err
	}
	core.election.resigned = r.resigned
	r.core, r.fetches, r.caughtUp = core, nil, 0
	r.machine = &machine{index: state.Checkpoint.Index, term: state.Checkpoint.Term, conf: state.Checkpoint.ConfState}
	if len(state.Checkpoint.Machine) > 0 {
		r.machine.applied = states.load(state.Checkpoint.Machine)
	}
	if n := len(r.machine.applied); n > 0 {
		r.machine.restored = r.machine.applied[n-1].index // may be ahead of the checkpoint
	}
	r.applies = nil
	r.core.Applied(applier.Applied{Incarnation: r.incarnation, Index: state.Checkpoint.Index})
	r.run()
	return nil
}

// run carries out the effects of the core.
func (r *replica) run() {
	for e := r.core.Effects(); e != nil; e = r.core.Effects() {
		r.carryOut(e)
		r.core.Done()
	}
}

func (r *replica) carryOut(e *Effects) {
	for _, a := range e.Appends {
		r.tracef("wal: %s", describeUpdate(a.Update))
		r.disk.flying = append(r.disk.flying, a)
	}
	for i, a := range e.Applies {
		r.tracef("applier: %s", describeApply(a))
		r.applies = append(r.applies, a)
		e.Applies[i] = applier.Apply{}
	}
	for _, m := range e.Send {
		r.tracef("send: %s", describeMessage(m))
		r.outbox = append(r.outbox, proto.Clone(m).(*raftpb.Message))
	}
	for i, a := range e.Answers {
		e.Answers[i] = Answer{}
		r.reply(a.Proposed)
	}
	for _, c := range e.Changes {
		r.tracef("event: leader=%d term=%d ready=%t", c.Leader, c.Term, c.Ready)
		if c.Ready {
			if other, ok := r.leaders[c.Term]; ok && other != r.id {
				panic(fmt.Sprintf("replicas %d and %d both lead term %d", other, r.id, c.Term))
			}
			r.leaders[c.Term] = r.id
		}
	}
	for _, m := range e.Members {
		r.tracef("members: voters=%v learners=%v insync=%v changing=%t", m.Voters, m.Learners, m.InSync, m.Changing)
		r.members = m
	}
	for _, one := range e.Transferred {
		r.tracef("transfer %d: %v", one.Transferred.Token, one.Transferred.Err)
	}
	for _, one := range e.CatchUps {
		r.tracef("catch up from %d", one.From)
		r.fetches = append(r.fetches, one)
	}
	if e.StopFetch {
		r.tracef("stop fetching")
		r.fetches = nil
	}
	for _, p := range e.Positions {
		r.tracef("position: %d/%d", p.Term, p.Index)
		if p.Index > r.machine.index {
			r.machine.index, r.machine.term, r.machine.conf = p.Index, p.Term, p.ConfState
		}
	}
	if e.CaughtUp {
		r.tracef("caught up")
		r.caughtUp++
	}
	if e.Wake != WakeSame {
		r.tracef("ticks: %t", e.Wake == WakeUp)
	}
}

func (r *replica) reply(p Proposed) {
	if p.Err != nil {
		r.tracef("answer %d: error: %v", p.Token, p.Err)
	} else {
		r.tracef("answer %d: %v", p.Token, p.Result)
	}
	if r.answer != nil {
		r.answer(p.Token, p)
	}
}

// appended lets the oldest append land and tells the core.
func (r *replica) appended() {
	r.core.Appended(r.disk.land().Token)
	r.run()
}

// apply lets the machine take the oldest Apply and tells the core.
func (r *replica) apply() {
	a := r.applies[0]
	r.applies = r.applies[1:]
	results := r.machine.apply(a.Entries)
	for _, w := range a.Waiters {
		result := w.Answer
		if !w.Wait {
			result = results[w.Index]
		}
		r.reply(Proposed{Token: w.Token, Result: result, Err: w.Err})
	}
	if a.Index == 0 {
		return
	}
	if a.Index >= r.machine.index {
		r.machine.index, r.machine.term = a.Index, a.Term
	}
	if a.ConfState != nil {
		r.machine.conf = a.ConfState
	}
	applied := applier.Applied{Incarnation: r.incarnation, Index: a.Index, Lead: a.Lead}
	if a.Lead != 0 {
		applied.Preparer = &preparer{next: len(r.machine.applied)}
	}
	r.core.Applied(applied)
	r.run()
}

// storage lets wal and applier work until nothing is left.
func (r *replica) storage() {
	for len(r.disk.flying)+len(r.applies) > 0 {
		if len(r.disk.flying) > 0 {
			r.appended()
		} else {
			r.apply()
		}
	}
}

// die gives the core up as the actor does. Its appends are still on their way.
func (r *replica) die(err error) {
	answers, _ := r.core.Abandon(err)
	for _, a := range answers {
		r.reply(a.Proposed)
	}
	for _, a := range r.applies {
		for _, w := range a.Waiters {
			r.reply(Proposed{Token: w.Token, Err: fmt.Errorf("%w: %w", ErrLostLeadership, err)})
		}
	}
	r.core, r.applies, r.outbox = nil, nil, nil
}

// fetch brings the machine to the state of another replica's, and tells the core.
func (r *replica) fetch(from *replica) {
	r.fetches = nil
	source := from.machine
	if source.index <= r.machine.index {
		r.core.CatchUpFailed()
		r.run()
		return
	}
	r.machine.applied = append(r.machine.applied[:0:0], source.applied...)
	r.machine.restored = max(source.index, source.restored) // the source may be ahead of its index, too
	r.core.Installed(Installed{
		Index: source.index, Term: source.term, ConfState: source.conf, Machine: source.state(),
	})
	r.run()
}

// state is the durable form of a machine: the name of a slice that nobody changes.
func (m *machine) state() []byte { return states.store(m.applied) }

// states are the durable states of all machines. To encode them would take longer than the tests.
var states stateStore

type stateStore struct{ all [][]record }

func (s *stateStore) store(applied []record) []byte {
	s.all = append(s.all, applied[:len(applied):len(applied)])
	return fmt.Appendf(nil, "%d", len(s.all)-1)
}

func (s *stateStore) load(name []byte) []record {
	var i int
	if _, err := fmt.Sscan(string(name), &i); err != nil {
		panic(err)
	}
	return s.all[i]
}

// checkpoint makes the machine's state durable at its present index.
func (r *replica) checkpoint() {
	r.disk.write(wal.Update{Group: 1, Checkpoint: &wal.Checkpoint{
		Index: r.machine.index, Term: r.machine.term, ConfState: r.machine.conf, Machine: r.machine.state(),
	}})
}

func (r *replica) tracef(format string, args ...any) {
	if r.trace != nil {
		fmt.Fprintf(r.trace, format+"\n", args...)
	}
}

func describeUpdate(u wal.Update) string {
	var b strings.Builder
	if u.Hard != nil {
		fmt.Fprintf(&b, "term=%d vote=%d commit=%d ", u.Hard.Term, u.Hard.Vote, u.Hard.Commit)
	}
	for _, e := range u.Entries {
		fmt.Fprintf(&b, "%d/%d:%q ", e.Term, e.Index, e.Data)
	}
	return strings.TrimSpace(b.String())
}

func describeApply(a applier.Apply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "to %d/%d", a.Term, a.Index)
	for _, e := range a.Entries {
		fmt.Fprintf(&b, " %d/%d:%q", e.Term, e.Index, e.Data)
	}
	for _, w := range a.Waiters {
		fmt.Fprintf(&b, " waiter %d at %d", w.Token, w.Index)
	}
	if a.Lead != 0 {
		fmt.Fprintf(&b, " lead %d", a.Lead)
	}
	if a.ConfState != nil {
		b.WriteString(" membership")
	}
	return b.String()
}

func describeMessage(m *raftpb.Message) string {
	text := fmt.Sprintf("%d->%d %s term=%d", m.GetFrom(), m.GetTo(), m.GetType(), m.GetTerm())
	if m.GetIndex() != 0 || m.GetLogTerm() != 0 {
		text += fmt.Sprintf(" at %d/%d", m.GetLogTerm(), m.GetIndex())
	}
	if m.GetCommit() != 0 {
		text += fmt.Sprintf(" commit=%d", m.GetCommit())
	}
	if m.GetReject() {
		text += " reject"
	}
	for _, e := range m.GetEntries() {
		text += fmt.Sprintf(" %d/%d:%q", e.GetTerm(), e.GetIndex(), e.GetData())
	}
	return text
}

// quietLogger drops what raft says and lets it panic.
type quietLogger struct{}

func (quietLogger) Debug(...any)                   {}
func (quietLogger) Debugf(string, ...any)          {}
func (quietLogger) Info(...any)                    {}
func (quietLogger) Infof(string, ...any)           {}
func (quietLogger) Warning(...any)                 {}
func (quietLogger) Warningf(string, ...any)        {}
func (quietLogger) Error(...any)                   {}
func (quietLogger) Errorf(string, ...any)          {}
func (quietLogger) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quietLogger) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (quietLogger) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quietLogger) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
