package consumers

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-go/chronik/actors/groups/classic"
	"github.com/chronik-go/chronik/actors/groups/offsets"
	"github.com/chronik-go/chronik/actors/groups/records"
	"github.com/chronik-go/chronik/protocol"
	"github.com/chronik-go/chronik/protocol/batch"
)

// Settings are the rules for groups.
type Settings struct {
	Classic          classic.Settings
	Retention        time.Duration // of offsets
	MaxMetadataBytes int           // of the text beside an offset
}

// State is what the log knows of a group when its actor starts.
type State struct {
	Record  []byte // of the group, nil if there is none
	Offsets offsets.Table
	Pending offsets.Pending // of transactions that have not ended
}

// Empty tells whether nothing is known.
func (s *State) Empty() bool {
	return s.Record == nil && s.Offsets.Len() == 0 && s.Pending.Len() == 0
}

// answer is an answer to a ticket.
type answer struct {
	ticket classic.Ticket
	code   protocol.Code
	result any
}

// write is a Write without its address.
type write struct {
	token       uint64
	records     []batch.Record
	transaction *Transaction
}

// core is the group as a machine: calls go in, answers and writes come out. It knows no actor.
//
// Invariant: what open holds has been given to the log and is not known to be committed; writes are committed
// in the order in which they were given.
type core struct {
	id       string
	settings *Settings
	classic  *classic.Group
	offsets  offsets.Table
	pending  offsets.Pending
	open     map[uint64]change
	last     uint64 // token of a write
	ending   bool   // the group is being removed: no request changes it any more

	answers []answer
	writes  []write
}

// change is what follows from a write.
type change struct {
	ticket  classic.Ticket
	save    uint64 // of the classic group; 0: none
	puts    []put
	removes []offsets.Place
	ends    bool // the group
	codes   []protocol.Code
	plain   bool // the answer is the code alone
	in      *Transaction
}

type put struct {
	at     offsets.Place
	offset records.Offset
	item   int // of the request
}

func newCore(id string, settings *Settings, state State, now time.Time) (*core, error) {
	c := &core{id: id, settings: settings, open: map[uint64]change{}}
	c.offsets, c.pending = state.Offsets, state.Pending
	if state.Record == nil {
		c.classic = classic.New(id, &settings.Classic, now)
		return c, nil
	}
	group, err := classic.Restore(id, state.Record, &settings.Classic, now)
	c.classic = group
	return c, err
}

// ask handles a request.
func (c *core) ask(now time.Time, client classic.Client, body any, t classic.Ticket) {
	if c.ending || c.classic.State() == classic.Dead {
		c.answer(t, ended(body), nil)
		return
	}
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest:
		c.classic.Join(now, client, r, t)
	case *kmsg.SyncGroupRequest:
		c.classic.Sync(now, r, t)
	case *kmsg.HeartbeatRequest:
		response := kmsg.NewPtrHeartbeatResponse()
		response.ErrorCode = int16(c.classic.Heartbeat(now, r))
		c.answer(t, protocol.None, response)
	case *kmsg.LeaveGroupRequest:
		c.answer(t, protocol.None, c.classic.Leave(now, r))
	case Commit:
		c.commit(now, r, t)
	case Fetch:
		c.answer(t, protocol.None, c.fetch(r))
	case DeleteOffsets:
		c.deleteOffsets(r, t)
	case Delete:
		c.remove(now, t)
	case Describe:
		c.answer(t, protocol.None, c.classic.Describe())
	}
	c.settle()
}

// ended is the code for a request to a group that is being removed: a member that wants in looks for the
// coordinator again and finds a new group.
func ended(body any) protocol.Code {
	if _, joins := body.(*kmsg.JoinGroupRequest); joins {
		return protocol.CoordinatorNotAvailable
	}
	return Missing(body)
}

// Missing returns the code for a request to a group that does not exist; None if there is nothing wrong with
// that. See Creates for requests that make the group.
func Missing(body any) protocol.Code {
	switch body.(type) {
	case *kmsg.JoinGroupRequest, *kmsg.SyncGroupRequest, *kmsg.HeartbeatRequest, *kmsg.LeaveGroupRequest:
		return protocol.UnknownMemberID
	case Commit:
		return protocol.IllegalGeneration
	case Fetch:
		return protocol.None
	}
	return protocol.GroupIDNotFound
}

// Creates tells whether a request makes the group that it is about.
func Creates(body any) bool {
	switch r := body.(type) {
	case *kmsg.JoinGroupRequest:
		return r.MemberID == ""
	case Commit:
		return r.Generation < 0
	}
	return false
}

// Absent is the answer to a Fetch from a group that does not exist.
func Absent(r Fetch) []Fetched {
	return (&core{}).fetch(r)
}

// tick lets time pass.
func (c *core) tick(now time.Time) {
	c.classic.Tick(now)
	c.settle()
}

// next returns when tick has something to do, zero if never.
func (c *core) next() time.Time { return c.classic.Next() }

// vacant tells whether the group is nothing but its name, or gone for good.
func (c *core) vacant() bool {
	if c.classic.State() == classic.Dead {
		return true
	}
	return !c.classic.Recorded() && c.classic.Vacant() && c.offsets.Len() == 0 &&
		c.pending.Len() == 0 && len(c.open) == 0
}

func (c *core) summary() Summary {
	return Summary{
		Group: c.id, ProtocolType: c.classic.ProtocolType(), State: c.classic.State().String(), Type: "classic",
	}
}

func (c *core) answer(t classic.Ticket, code protocol.Code, result any) {
	if t != 0 {
		c.answers = append(c.answers, answer{t, code, result})
	}
}

// give hands records to the log.
func (c *core) give(what change, list []batch.Record) {
	c.last++
	c.open[c.last] = what
	c.writes = append(c.writes, write{c.last, list, what.in})
}

// settle takes over what the classic group has brought about.
func (c *core) settle() {
	effects := c.classic.Take()
	for _, reply := range effects.Replies {
		c.answer(reply.Ticket, protocol.None, reply.Response)
	}
	for _, save := range effects.Saves {
		c.give(change{save: save.ID}, []batch.Record{records.GroupRecord(c.id, save.Value)})
	}
}

// take returns what is to be sent.
func (c *core) take() ([]answer, []write) {
	answers, writes := c.answers, c.writes
	c.answers, c.writes = nil, nil
	return answers, writes
}

// written makes true what has been committed, or tells why it was not.
func (c *core) written(now time.Time, m Written) {
	code := m.Code
	what, open := c.open[m.Token]
	if !open {
		return
	}
	delete(c.open, m.Token)
	switch {
	case what.save != 0:
		c.classic.Saved(now, what.save, codeOfSave(code))
		c.settle()
		return
	case code == protocol.None:
		c.apply(now, what, m.Offset)
	case what.ends:
		c.ending = false
	}
	if what.plain {
		c.answer(what.ticket, code, nil)
		return
	}
	if code != protocol.None {
		for _, one := range what.puts {
			what.codes[one.item] = codeOfCommit(code)
		}
		if len(what.puts) == 0 {
			c.answer(what.ticket, code, nil)
			return
		}
	}
	c.answer(what.ticket, protocol.None, what.codes)
}

func (c *core) apply(now time.Time, what change, at int64) {
	for _, one := range what.puts {
		if one.offset.At = at; what.in != nil {
			c.pending.Put(what.in.ProducerID, one.at, one.offset)
		} else {
			c.offsets.Put(one.at, one.offset)
		}
	}
	for _, at := range what.removes {
		c.offsets.Remove(at)
		c.pending.Remove(at)
	}
	if what.ends {
		c.classic.Kill(now)
		c.settle()
	}
}

// codeOfSave and codeOfCommit are what clients are told of a record that is too large for the log.
func codeOfSave(code protocol.Code) protocol.Code {
	if code == protocol.MessageTooLarge {
		return protocol.UnknownServerError
	}
	return code
}

func codeOfCommit(code protocol.Code) protocol.Code {
	if code == protocol.MessageTooLarge {
		return protocol.InvalidCommitOffsetSize
	}
	return code
}
